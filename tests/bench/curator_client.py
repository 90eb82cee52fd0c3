"""bespokelabs-curator asking the benches' endpoint: `make bench-env` makes the environment that this runs in.

Prints one JSON object: seconds and CPU seconds from the call to the data set in hand. Its rate limits are set out
of reach and its cost look-ups and viewer are off, so that what is left is asking and keeping.
"""

import argparse
import json
import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

LITELLM = find_spec("litellm")
assert LITELLM and LITELLM.origin
os.environ |= {
    "TIKTOKEN_CACHE_DIR": str(Path(LITELLM.origin).parent / "litellm_core_utils/tokenizers"),  # else from the network
    "TELEMETRY_ENABLED": "false",
    "CURATOR_VIEWER": "false",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OPENAI_API_KEY": "none",
    "HF_HUB_OFFLINE": "1",
}

from bespokelabs import curator  # noqa: E402 - it reads the environment when it is imported


class Asker(curator.LLM):
    def prompt(self, row: dict[str, str]) -> str:
        return row["question"]

    def parse(self, row: dict[str, str], response: str) -> dict[str, str]:
        return {"question": row["question"], "response": response}


def main(address: str, count: int, concurrency: int) -> None:
    out_of_reach = {"max_requests_per_minute": 10**9, "max_tokens_per_minute": 10**12}
    asker = Asker(
        model_name="bench",
        backend="openai",
        generation_params={"max_tokens": 100, "temperature": 0.0, "top_p": 1.0},
        backend_params={
            "base_url": address, "max_retries": 1, "max_concurrent_requests": concurrency, **out_of_reach
        },
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as kept:
        asker([{"question": "Are you there?"}], working_dir=f"{kept}/first")
        rows = [{"question": f"What is ${number}+{number}$?"} for number in range(count)]
        began, burnt = time.perf_counter(), time.process_time()
        answered = asker(rows, working_dir=f"{kept}/all").dataset
        assert len({row["question"] for row in answered if row["response"]}) == count
        seconds, cpu = time.perf_counter() - began, time.process_time() - burnt
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    given = parser.parse_args()
    main(given.address, given.count, given.concurrency)
