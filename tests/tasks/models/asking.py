"""A process that asks a server as fast as its governor lets it: what two runs at once are made of."""

import asyncio
import json
import sys
from pathlib import Path

from tasks.models.governors import Governor, OnMachine
from tasks.rows.storage import Storage
from tests.tasks.models.openai_server import Server, ask_of, desk, prompt


async def ask_all(root: str, address: str, name: str, requests: int, governor: Governor) -> None:
    """Ask so many different questions, with 600 requests a minute allowed to all who ask the address."""
    async with desk(
        Storage(root), Server(address=address, name=address), run=name, governor=governor, requests_per_minute=600
    ) as made:
        ask = ask_of(made)
        await asyncio.gather(*(ask(prompt(f"{name}: {n}?")) for n in range(requests)))


def main() -> None:
    """Arguments: one JSON object with root, address, name, requests and either a folder or a Ray address."""
    said = json.loads(sys.argv[1])
    governor: Governor
    if "ray" in said:
        import ray

        from tasks.models.governor_actor import InCluster

        ray.init(address=said["ray"], log_to_driver=False)
        governor = InCluster()
    else:
        governor = OnMachine(Path(said["folder"]))
    asyncio.run(ask_all(said["root"], said["address"], said["name"], said["requests"], governor))


if __name__ == "__main__":
    main()
