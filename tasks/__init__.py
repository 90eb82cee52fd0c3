"""The stages of the pipeline, one folder each, and what they share (models, ledger, rows, report)."""

import os

# Arrow's own allocator keeps what one pass over a table took for the next, which is long in coming: collecting
# 100,000 rows peaked 100 MiB higher by it, and was no faster. Read when pyarrow is loaded, here and in children.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
