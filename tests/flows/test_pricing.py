"""Filling the price table from litellm's map: only when told to, with day and source, all or nothing."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from flows.pricing import update
from tasks.errors import UnknownPrice
from tasks.models import price_map
from tasks.models.prices import FILLED, Price

DAY = date(2026, 11, 22)


def test_lines_are_written_with_day_and_source_and_stay_until_they_change(tmp_path: Path) -> None:
    path = tmp_path / "filled.yaml"
    (name, line), *others = update(["openai/gpt-4o-2024-08-06"], path, DAY).items()
    assert (name, others) == ("openai/gpt-4o-2024-08-06", [])
    assert (line.input, line.cached_input, line.output) == (Decimal("2.5"), Decimal("1.25"), Decimal(10))
    assert (line.batch_input, line.batch_output) == (Decimal("1.25"), Decimal(5))
    assert line.as_of == DAY
    assert "litellm 1." in line.source
    assert "https://" in line.source
    written = path.read_text()
    assert update([], path, date(2027, 1, 1)) == {}
    assert path.read_text() == written
    path.write_text(written.replace("'2.5'", "'3.5'"))
    assert list(update([], path, date(2027, 1, 1))) == [name]
    assert Price.model_validate(yaml.safe_load(path.read_text())["models"][name]).as_of == date(2027, 1, 1)


def test_a_model_without_a_price_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "filled.yaml"
    with pytest.raises(UnknownPrice, match="'openai/nobody-has-this'"):
        update(["gpt-4o-2024-08-06", "openai/nobody-has-this"], path, DAY)
    assert not path.exists()


def test_a_name_is_another_providers_only_by_its_full_name() -> None:
    known = {"m": {"litellm_provider": "one", "input_cost_per_token": Decimal("1e-6"), "output_cost_per_token": 0}}
    assert price_map.line(known, "one/m", DAY).input == 1
    with pytest.raises(UnknownPrice):
        price_map.line(known, "two/m", DAY)


def test_what_ships_is_what_the_pinned_litellm_says() -> None:
    known = price_map.read()
    for name, given in yaml.safe_load(FILLED.read_text(encoding="utf-8"))["models"].items():
        written = Price.model_validate(given)
        assert price_map.line(known, name, written.as_of) == written
