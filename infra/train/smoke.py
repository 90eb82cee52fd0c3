"""A few steps of GRPO with TRL on the packaged SmolLM2-135M, on a CPU, from a published `rl` export.

    .train/venv/bin/python infra/train/smoke.py DATA_SET_FOLDER [--steps 2]

It shows that export and reward fit TRL. The reward is the repository's verifier; first it must call every row's own
answer right, and no answer wrong. A model this small is hardly ever right, and where all completions of a prompt get
the same reward there is nothing to learn; so a second reward, for writing letters, moves the weights. Ends with
exit code 1, saying why, unless all of that holds, every step was trained with finite loss, and the weights moved.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset
from trl import GRPOConfig, GRPOTrainer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tasks.verify.reward import for_trl

_BY_VERIFIER = "rewards/for_trl/mean"


def letters(completions: Sequence[Sequence[Mapping[str, Any]]], **columns: Any) -> list[float]:
    """The share of a completion's characters that are letters, 0 to 1: two texts hardly ever have the same."""
    del columns
    texts = [str(one[-1]["content"]) for one in completions]
    return [sum(map(str.isalpha, one)) / len(one) if one else 0.0 for one in texts]


def ill_rewarded(rows: Dataset) -> list[str]:
    """Rows whose own answer the verifier does not call right, or for which it rewards no answer."""
    given = {"final_answer": rows["final_answer"], "answer_type": rows["answer_type"]}
    own = for_trl([rf"So it is $\boxed{{{one}}}$." for one in rows["final_answer"]], **given)
    none = for_trl(["I do not know."] * len(rows), **given)
    return [one for one, right, wrong in zip(rows["problem_id"], own, none, strict=True) if (right, wrong) != (1, 0)]


def train(rows: Dataset, model: Path, steps: int, tokens: int) -> list[dict[str, float]]:
    """Train some steps and give what each logged."""
    with tempfile.TemporaryDirectory() as out:
        trainer = GRPOTrainer(
            model=str(model),
            reward_funcs=[for_trl, letters],
            train_dataset=rows,
            args=GRPOConfig(
                output_dir=out, max_steps=steps, per_device_train_batch_size=2, num_generations=2,
                max_completion_length=tokens, logging_steps=1, save_strategy="no", report_to="none", use_cpu=True,
                bf16=False, gradient_checkpointing=False, disable_tqdm=True, seed=1,
            ),
        )  # fmt: skip
        trainer.train()
    return [line for line in trainer.state.log_history if _BY_VERIFIER in line]


def faults(seen: Sequence[Mapping[str, float]], steps: int) -> list[str]:
    """What is wrong with what was logged; nothing where all is well."""
    found = [] if len(seen) == steps else [f"{len(seen)} of {steps} steps were trained"]
    if not all(math.isfinite(one["loss"]) and math.isfinite(one["grad_norm"]) for one in seen):
        found.append("a loss or a gradient is not finite")
    if not any(one["grad_norm"] > 0 for one in seen):
        found.append("no step moved the weights")
    if not all(0 <= one[_BY_VERIFIER] <= 1 for one in seen):
        found.append("the verifier's reward is not between 0 and 1")
    return found


def main() -> int:
    """Check the reward, train, print one JSON object, and say by the exit code whether all went well."""
    parser = argparse.ArgumentParser(description="A few GRPO steps on a published rl export")
    parser.add_argument("data", type=Path, help="folder of a published data set")
    parser.add_argument("--model", type=Path, default=Path(".train/models/smollm2-135m-instruct"))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32, help="longest completion")
    given = parser.parse_args()
    files = sorted(str(one) for one in (given.data / "rl").glob("train-*.parquet"))
    rows = load_dataset("parquet", data_files=files, split="train")
    wrong = [f"the verifier misjudges row {one}'s own answer, or none" for one in ill_rewarded(rows)]
    seen = [] if wrong else train(rows, given.model, given.steps, given.tokens)
    wrong += faults(seen, given.steps) if not wrong else []
    names = {"loss": "loss", "gradient": "grad_norm", "verifier": _BY_VERIFIER, "letters": "rewards/letters/mean"}
    steps = [{"step": i, **{name: one[key] for name, key in names.items()}} for i, one in enumerate(seen, 1)]
    print(json.dumps({"rows": len(rows), "steps": steps, "faults": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
