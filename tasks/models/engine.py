"""What an engine is: a model that a run serves for itself with vLLM, and the command that starts it. Pure.

An engine belongs to one endpoint of one run. It is a Ray Serve application (`engine_serve`) whose replicas each watch
over one vLLM process (`engine_watch`) in an environment of its own (infra/engine/), because vLLM and Prefect want
different versions of the same packages.
"""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.models.prices import Price
from tasks.models.request import Model

_STRICT = ConfigDict(frozen=True, extra="forbid")

REPOSITORY = Path(__file__).resolve().parents[2]
"""What paths of a recipe's engines start from, on every node."""
CPU = "cpu"
"""The kind of card of an engine without GPUs; the machine counts as one card."""


class Cards(BaseModel):
    """What one replica occupies, and what an hour of one card costs. Nobody's price is guessed: all are required."""

    model_config = _STRICT

    kind: str = Field(min_length=1, description="Such as H20-96GB; `cpu` for an engine without GPUs")
    count: int = Field(ge=1, le=64, description="Cards of one node that one replica holds")
    usd_per_hour: Decimal = Field(ge=0, description="USD for one card for one hour")
    as_of: date
    source: str = Field(min_length=1, description="Where the price is from")


class Serving(BaseModel):
    """How a model is served, as a recipe has it. What of it bears on replies is in the pinned revision as well."""

    model_config = _STRICT

    model_path: str = Field(min_length=1, description="Folder with weights, tokenizer, chat template; on each node")
    cards: Cards
    python: str = Field(default=".engine/venv/bin/python", description="Interpreter of the environment vLLM is in")
    max_model_len: int = Field(ge=16, description="Longest prompt and reply together, in tokens")
    max_num_seqs: int = Field(default=64, ge=1, description="Requests that one replica works on at once")
    quantization: str | None = Field(default=None, description="vLLM's --quantization; null: what the weights say")
    kv_cache_dtype: str = "auto"
    reasoning_parser: str | None = Field(default=None, description="Such as deepseek_r1")
    flags: tuple[str, ...] = Field(default=(), description="Further arguments of vLLM, word by word")
    environment: dict[str, str] = Field(default_factory=dict, description="Further variables of the vLLM process")
    replicas: int = Field(default=1, ge=1, le=64, description="Most replicas; they start at need and stop when idle")
    start_seconds: float = Field(default=1800, gt=0, description="A start that takes longer is given up")
    idle_seconds: float = Field(default=60, ge=1, description="A replica without requests for so long is stopped")
    drain_seconds: float = Field(default=600, ge=0, description="How long requests in flight may take at a stop")
    stall_seconds: float = Field(default=60, gt=0, description="Without a token or a probe for so long it is hung")
    restarts: int = Field(default=3, ge=0, description="Past so many restarts the engine is closed for this run")

    @property
    def gpus(self) -> int:
        """GPUs that a replica reserves with Ray."""
        return 0 if self.cards.kind == CPU else self.cards.count


class Engine(BaseModel):
    """A model, pinned by what `engine_identity` says of its folder, and how it is served."""

    model_config = _STRICT

    model: Model
    serving: Serving


def price(cards: Cards) -> Price:
    """The price of an engine's tokens: none, because its hours are paid."""
    nothing = Decimal(0)
    source = f"own engine, paid by the hour: {cards.usd_per_hour} USD a {cards.kind} ({cards.source})"
    return Price(input=nothing, cached_input=nothing, output=nothing, as_of=cards.as_of, source=source)


def command(engine: Engine, port: int) -> list[str]:
    """The arguments that start vLLM on a loopback port.

    The model's own generation_config.json is not used: it holds sampling values that no request key would know of.
    """
    serving = engine.serving
    words = [serving.python, "-m", "vllm.entrypoints.openai.api_server", "--model", serving.model_path]
    named: dict[str, Any] = {
        "served-model-name": engine.model.name,
        "host": "127.0.0.1",
        "port": port,
        "max-model-len": serving.max_model_len,
        "max-num-seqs": serving.max_num_seqs,
        "tensor-parallel-size": max(serving.gpus, 1),
        "kv-cache-dtype": serving.kv_cache_dtype,
        "generation-config": "vllm",
        # a backend has to be named, or the flag against endless white space is refused; xgrammar knows no multipleOf
        "structured-outputs-config": json.dumps({"backend": "guidance", "disable_any_whitespace": True}),
        "quantization": serving.quantization,
        "reasoning-parser": serving.reasoning_parser,
    }
    for name, value in named.items():
        words += [f"--{name}", str(value)] if value is not None else []
    # On a CPU, vLLM 0.32 dies of a seeded request whose prompt it reads in parts: a CPU's generator cannot step back.
    whole = [] if serving.gpus else ["--no-enable-chunked-prefill"]
    return [*words, "--enable-prompt-tokens-details", *whole, *serving.flags]


KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HF_HOME")
QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def environment(engine: Engine, here: dict[str, str]) -> dict[str, str]:
    """The variables of the vLLM process: those it needs, and none of Ray's, Python's or anybody's keys."""
    kept = {name: here[name] for name in KEPT if name in here}
    if engine.serving.gpus == 0:
        kept.pop("CUDA_VISIBLE_DEVICES", None)
    return {**kept, **QUIET, **engine.serving.environment}
