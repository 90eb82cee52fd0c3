"""Problems, shards, tables and manifests on any fsspec storage root.

What lies under a root:

    stages/collect/<fingerprint>/...        intakes: the rows first seen in one collect
    stages/<stage>/<fingerprint>/<shard>/   one verdict table per shard, side tables, the manifest last
    runs/<run>/plan.json                    what a run is: intakes, shards, stages and their fingerprints
    runs/<run>/recipe-<digest>.json         the recipe as it was given; runs/<run>/start-<time>.json names it
    ledger/log/...                          what was asked and paid (tasks.ledger)
    datasets/<name>/                        what was published
    vectors/<embedder>/                     vectors of benchmark questions and of rows (tasks.embedding)

Nothing under a root is ever rewritten: names are created once, and a manifest's existence means done. Only a
rebuild deletes, and only what it makes again.
"""
