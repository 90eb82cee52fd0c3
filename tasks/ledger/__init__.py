"""What was asked and paid: the attempt log, the replies it holds, and the spend it adds up to.

The log is append-only: Parquet segments under `ledger/log/<buckets>/<lease>-<writer>-<number>.parquet`. Each wire
attempt is two events: its *intent*, durable before the request goes out, and its *outcome*, durable before
anyone may use the reply. An intent without an outcome is money that may have been paid.

Compaction merges segments into few files under `ledger/compacted/` and keeps every event. `contents` says what
is to be read at any moment; the response store and the spend queries follow it.

While a shard of a stage that asks models is worked on, its buckets are leased to one writer (`leases`, on the
`board`). The token of the lease is in each segment's name and beside each event; if a lease is taken over, the
reply to a key is that of the highest token, and every outcome is spend. Who wants a lease takes `turn`s with the
other processes of its machine, so that they do not try for one number all at once.

What own engines hold of cards is in lease rows of another kind, under `ledger/engines/` (`gpu`, `gpu_split`).
"""
