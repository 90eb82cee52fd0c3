"""A few steps of GRPO with TRL on the packaged SmolLM2-135M, on a CPU, from a published `rl` export.

    .train/venv/bin/python infra/train/smoke.py DATA_SET_FOLDER [--steps 2]

It shows that export and reward fit TRL; a model this small learns no mathematics from it. Ends with exit code 1
unless every step was trained, with finite loss and rewards between 0 and 1. The repository's verifier is the reward.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tasks.verify.reward import for_trl


def train(data: Path, model: Path, steps: int, tokens: int) -> list[dict[str, float]]:
    """Train some steps and give what each logged."""
    rows = load_dataset("parquet", data_files=sorted(str(one) for one in (data / "rl").glob("train-*.parquet")))
    with tempfile.TemporaryDirectory() as out:
        trainer = GRPOTrainer(
            model=str(model),
            reward_funcs=for_trl,
            train_dataset=rows["train"],
            args=GRPOConfig(
                output_dir=out, max_steps=steps, per_device_train_batch_size=2, num_generations=2,
                max_completion_length=tokens, logging_steps=1, save_strategy="no", report_to="none", use_cpu=True,
                bf16=False, gradient_checkpointing=False, disable_tqdm=True, seed=1,
            ),
        )  # fmt: skip
        trainer.train()
    return [line for line in trainer.state.log_history if "reward" in line]


def main() -> int:
    """Train, print one JSON object, and say by the exit code whether it went through."""
    parser = argparse.ArgumentParser(description="A few GRPO steps on a published rl export")
    parser.add_argument("data", type=Path, help="folder of a published data set")
    parser.add_argument("--model", type=Path, default=Path(".train/models/smollm2-135m-instruct"))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32, help="longest completion")
    given = parser.parse_args()
    seen = train(given.data, given.model, given.steps, given.tokens)
    sound = all(math.isfinite(line["loss"]) and 0 <= line["reward"] <= 1 for line in seen)
    print(json.dumps([{"step": i, "loss": one["loss"], "reward": one["reward"]} for i, one in enumerate(seen, 1)]))
    return 0 if sound and len(seen) == given.steps else 1


if __name__ == "__main__":
    sys.exit(main())
