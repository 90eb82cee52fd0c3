"""TRL reads a published `rl` export, rewards completions by the verifier, and trains two steps on it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.tasks.publish.made import row
from tests.tasks.publish.test_publish_task import published

REPOSITORY = Path(__file__).parents[2]
PYTHON = REPOSITORY / ".train/venv/bin/python"
MODEL = REPOSITORY / ".train/models/smollm2-135m-instruct"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (MODEL / "config.json").is_file(), reason="no training environment: `make train-env`"),
]


def test_grpo_takes_the_export_and_the_reward(tmp_path: Path) -> None:
    rows = [row(f"What is ${n} + 1$?", str(n + 1)) for n in range(8)]
    storage, manifest = published(tmp_path, rows)
    folder = (Path(storage.base) / manifest.files["dataset"].name).parent
    ended = subprocess.run(
        [PYTHON, "infra/train/smoke.py", folder, "--steps", "2"],
        cwd=REPOSITORY,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr[-3000:]
    said = json.loads(ended.stdout.splitlines()[-1])
    assert (said["rows"], len(said["steps"]), said["faults"]) == (len(rows), 2, [])
