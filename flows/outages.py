"""What a run stands on, its Prefect server and its Ray, may go away under it. Then it ends in words.

Nothing is lost by that: replies and finished shards are on the storage root, and the next start goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import CurationError, ServiceLost


@contextmanager
def outages() -> Iterator[None]:
    """Raise `ServiceLost` where the block failed because a service went away; other errors pass as they are."""
    try:
        yield
    except CurationError:
        raise
    except Exception as fault:
        lost = next(filter(None, map(_service, _chain(fault))), None)
        if lost is None:
            raise
        raise ServiceLost(
            f"{lost} went away while the run went on ({type(fault).__name__}: {str(fault)[:300]}). Replies already "
            "paid and finished shards are kept: start the same command again, and it goes on from there."
        ) from fault


def _service(fault: BaseException) -> str | None:
    import httpx

    if isinstance(fault, httpx.TransportError):
        return f"the Prefect server at {os.environ.get('PREFECT_API_URL', 'an unknown address')}"
    return "Ray" if type(fault).__module__.split(".")[0] == "ray" else None


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    while fault is not None:
        yield fault
        fault = fault.__cause__ or fault.__context__
