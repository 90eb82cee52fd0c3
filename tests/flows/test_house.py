"""Rules of the house that no linter knows."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import flows
import tasks

ROOT = Path(__file__).resolve().parents[2]
TOP = {"pyproject.toml", "flows", "tasks", "deployments", "infra", "tests", "docker", "README.md"}
TOOLS = {"Makefile", "LICENSE", "CHANGELOG.md", "requirements.lock", "requirements-dev.lock", "requirements-uv.lock"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines()]


def test_both_packages_are_those_of_this_repository() -> None:
    for package in (flows, tasks):
        assert Path(package.__file__ or "").resolve().is_relative_to(ROOT)


def test_the_top_level_is_fixed() -> None:
    names = {path.parts[0] for path in tracked()}
    assert names - TOP - TOOLS <= {name for name in names if name.startswith(".")}
    assert names >= TOP


def test_every_top_level_folder_has_a_readme() -> None:
    for folder in ("flows", "tasks", "deployments", "infra", "tests", "docker"):
        assert (ROOT / folder / "README.md").is_file(), folder


def test_files_stay_small() -> None:
    long = {path for path in tracked() if path.suffix == ".py" and len((ROOT / path).read_text().splitlines()) > 400}
    assert not long


def test_the_command_line_starts_without_the_heavy_parts() -> None:
    heavy = "{'ray', 'litellm', 'torch', 'prefect', 'sentence_transformers', 'faiss', 'sympy'}"
    code = f"import sys, flows.__main__; print(sorted({heavy} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_unknown_file_runs_at_every_start_of_python() -> None:
    """A .pth file in site-packages can run code without an import: how litellm 1.82.8 stole keys."""
    known = {"distutils-precedence.pth", "_virtualenv.pth"}
    found = {path.name for folder in site.getsitepackages() for path in Path(folder).glob("*.pth")}
    assert found <= known


def test_who_asks_no_paid_api_never_imports_litellm() -> None:
    code = "import sys, tasks.world; print('litellm' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
