"""A process that asks by way of a batch, and kills itself at a chosen step. Run from a fork server."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks import world
from tasks.ledger import batches
from tasks.ledger.log import AttemptLog
from tasks.models.batch_api import BatchApi
from tasks.models.endpoint import Endpoint
from tasks.models.prompt import Prompt, Sampling, user
from tasks.models.request import Model
from tasks.rows.shards import Shard
from tasks.world import Where

SOLVER = Model(name="rehearsal/solver", revision="1")
ASKED = Prompt(messages=user("<problem>\nFind 3^105+4^105 mod 7.\n</problem>"), sampling=Sampling(max_tokens=4096))
SHARD = Shard(intake="0" * 64, low=0, high=4096)


def where(root: str, address: str, **other: Any) -> Where:
    endpoint = Endpoint(address=address, lane="batch", batch_window_seconds=0.05, batch_poll_seconds=0.05, **other)
    return Where(root=root, run="r", endpoints={"here": endpoint}, routes={"solver": "here"})


async def ask(here: Where, samples: range) -> list[Any]:
    async with world.desk(here, "solve", SHARD, {"solver": SOLVER}) as desk:
        asking = (desk.ask_for("solver", "p" * 64)(ASKED, sample=n) for n in samples)
        return await asyncio.gather(*asking, return_exceptions=True)


def ask_and_die(root: str, address: str, samples: range, kill_at: int, counted: str) -> None:
    """Ask; SIGKILL right before step `kill_at` (from 0). How many steps were begun is in the file `counted`.

    Steps are writes, and requests to the batch API both before they go out and when the server has answered them.
    """
    steps = 0

    def step() -> None:
        nonlocal steps
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
        Path(counted).write_text(str(steps))

    def before(owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def stepped(*args: Any, **kwargs: Any) -> Any:
            step()
            return real(*args, **kwargs)

        setattr(owner, name, stepped)

    real = BatchApi._once

    async def answered(*args: Any, **kwargs: Any) -> Any:
        step()
        answer = await real(*args, **kwargs)
        step()
        return answer

    BatchApi._once = answered  # type: ignore[method-assign]
    for name in ("planned", "submitted", "ended"):
        before(batches, name)
    before(AttemptLog, "_write")
    asyncio.run(ask(where(root, address), samples))
    step()
