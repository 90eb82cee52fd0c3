"""Recipes with engines of their own: what is refused, what starts vLLM, and that the shipped settings are sound."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.engines import check_engines
from flows.misfits import fits
from flows.recipe import Recipe, load
from tasks.errors import RecipeError
from tasks.models.endpoint import Endpoint
from tasks.models.engine import Engine, command, environment
from tasks.models.engine_identity import check, revision
from tasks.models.prices import table
from tasks.models.request import Model

SHIPPED = sorted(Path("deployments/engines").glob("*.yaml"))
CARDS = {"kind": "H20-96GB", "count": 8, "usd_per_hour": "1.5", "as_of": "2026-11-01", "source": "contract"}


def recipe(**engine: Any) -> Recipe:
    given = load("demo_vllm").model_dump(mode="json")
    given["endpoints"]["smollm2"]["engine"] |= engine
    return Recipe.model_validate(given)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_settings_are_whole_but_for_what_only_the_reader_knows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "Not run here" in text
    filled = text.replace("PRICE", "1.5").replace("DATE", "2026-11-01").replace("REVISION", "a" * 64)
    given = yaml.safe_load(filled)
    (choice,) = (fits(Endpoint.model_validate(one)) for one in given["endpoints"].values())
    (role,) = given["roles"].values()
    assert choice.engine is not None
    words = command(Engine(model=Model(name=role["model"], revision=role["revision"]), serving=choice.engine), 1)
    assert words[words.index("--tensor-parallel-size") + 1] == str(choice.engine.cards.count)
    assert choice.at("http://x/v1").timeout_seconds > choice.engine.start_seconds
    with pytest.raises(ValueError, match=r"usd_per_hour|as_of"):  # nobody's price is guessed
        Endpoint.model_validate(next(iter(yaml.safe_load(text)["endpoints"].values())))


def test_the_price_of_an_hour_is_required_with_its_date_and_source() -> None:
    for name in ("usd_per_hour", "as_of", "source"):
        with pytest.raises(ValueError, match=name):
            recipe(cards={key: value for key, value in CARDS.items() if key != name})


def test_an_engine_wants_ray() -> None:
    with pytest.raises(RecipeError, match=r"smollm2.*--runner ray"):
        check_engines(load("demo_vllm"))


def test_an_engine_serves_one_model() -> None:
    given = load("demo_vllm").model_dump(mode="json")
    given["roles"]["judge"]["model"] = "other"
    with pytest.raises(ValueError, match="serves one model"):
        Recipe.model_validate(given)


def test_tokens_of_an_engine_cost_nothing_because_its_hours_do() -> None:
    price = table().with_models(recipe(cards=CARDS).token_prices()).price("smollm2-135m")
    assert price.input == price.output == Decimal(0)
    assert "1.5 USD a H20-96GB (contract)" in price.source


def test_the_process_of_an_engine_sees_no_keys_and_none_of_rays_settings() -> None:
    (engine,) = recipe().engines().values()
    here = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "sk-secret",
        "RAY_ADDRESS": "x",
        "PYTHONPATH": "x",
        "KMP_AFFINITY": "x",
    }
    assert set(environment(engine, here)) == {
        *("PATH", "HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"),
        *("VLLM_CPU_KVCACHE_SPACE", "VLLM_CPU_OMP_THREADS_BIND", "OMP_NUM_THREADS"),
    }


def test_prompts_are_read_whole_on_a_cpu_and_in_parts_on_gpus() -> None:
    (on_cpu,) = recipe().engines().values()
    (on_gpus,) = recipe(cards=CARDS).engines().values()
    assert "--no-enable-chunked-prefill" in command(on_cpu, 1)
    assert "--no-enable-chunked-prefill" not in command(on_gpus, 1)


def test_the_revision_is_of_weights_quantisation_and_template_and_not_of_where_they_lie(tmp_path: Path) -> None:
    def model(name: str, weights: bytes = b"w", template: str = "t", config: str = "{}") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "chat_template.jinja").write_text(template)
        (folder / "config.json").write_text(config)
        return folder

    first = revision(model("one"))
    assert revision(model("two", config='{"transformers_version": "5"}')) == first
    others = [
        revision(model("weights", weights=b"v")),
        revision(model("template", template="u")),
        revision(model("config", config='{"quantization_config": {"bits": 4}}')),
        revision(tmp_path / "one", "fp8"),
        revision(tmp_path / "one", None, "fp8"),
    ]
    assert len({first, *others}) == 6
    (tmp_path / "one" / "model.safetensors").write_bytes(b"changed")  # the kept digests notice
    assert revision(tmp_path / "one") != first


def test_other_weights_than_the_pinned_ones_are_refused_and_told(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"w")
    (tmp_path / "config.json").write_text("{}")
    (engine,) = recipe(model_path=str(tmp_path)).engines().values()
    with pytest.raises(RecipeError, match=revision(tmp_path)):
        check(engine)
    with pytest.raises(RecipeError, match="safetensors"):
        revision(tmp_path / "nothing")
