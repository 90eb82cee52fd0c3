"""The card and the licences: what a data set says of itself, and which sources may not go together."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tasks.publish.card import card
from tasks.publish.licences import mixed
from tasks.publish.release import Counts, Release, Step
from tasks.publish.writing import DataFile


def made(*models: str, source: str = "forum") -> str:
    release = Release(recipe="demo", models=dict(zip(("judge", "solver"), models, strict=False)))
    counts = Counts(rows=3, splits=Counter(train=3), sources=Counter({(source, "CC-BY-4.0"): 2, ("champ", "MIT"): 1}))
    funnel = [
        Step(
            stage="rate", rows_in=9, kept=3, dropped={"too_easy": 6}, quarantined={}, requests=54, microusd=1_500_000
        )
    ]
    file = DataFile(
        local=Path("x"), name="rl/train-0.parquet", export="rl", split="train", digest="d", rows=3, size=9
    )
    return card("demo-1", release, counts, funnel, mixed(one for _, one in counts.sources), [file])


def test_sources_models_funnel_and_spend_are_listed() -> None:
    text = made("gpt-4o@2024-08-06", "deepseek-r1@abc")
    for line in (
        *("| forum | CC-BY-4.0 | 2 |", "| champ | MIT | 1 |", "| judge | gpt-4o@2024-08-06 |", "3 problems"),
        *("| rate | 9 | 3 | 6 too_easy |", "| rate | 54 | 1.500000 |"),
    ):
        assert line in text


def test_one_rehearsal_model_makes_it_a_rehearsal() -> None:
    assert "rehearsal, not a data set to train on" in made("gpt-4o@2024-08-06", "rehearsal/solver@1")
    assert "rehearsal" not in made("gpt-4o@2024-08-06", "deepseek-r1@abc")


def test_what_a_run_knows_of_its_errors_stands_among_the_limits() -> None:
    release = Release(recipe="demo", models={"judge": "m@1"}, limits=("An estimated 3 rows are wrong.",))
    assert "- An estimated 3 rows are wrong.\n" in card("d", release, Counts(), [], mixed(["MIT"]), [])


def test_its_head_names_the_files_for_loaders() -> None:
    head = yaml.safe_load(made("m@1").split("---")[1])
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "rl/train-*.parquet"}]
    assert head["license"] == "other"


def test_a_name_from_outside_ends_no_cell_and_begins_no_markup() -> None:
    assert "| a\\|b &lt;script> | CC-BY-4.0 | 2 |" in made("m@1", source="a|b\n<script>")


@pytest.mark.parametrize(
    ("licences", "whole"),
    [
        (["MIT"], "mit"),
        (["MIT", "CC-BY-4.0"], "other"),
        (["mit", "CC-BY-SA-3.0", "cc-by-sa-4.0"], "cc-by-sa-4.0"),
        (["CC-BY-NC-4.0", "CC0-1.0"], "cc-by-nc-4.0"),
        (["CC-BY-NC-SA-4.0", "CC-BY-NC-4.0", "MIT"], "cc-by-nc-sa-4.0"),
        ([], "other"),
    ],
)
def test_licences_that_go_together(licences: list[str], whole: str) -> None:
    assert mixed(licences).model_dump() == {"whole": whole, "unknown": (), "clash": None}


@pytest.mark.parametrize(
    "licences",
    [
        ["CC-BY-SA-4.0", "CC-BY-NC-4.0"],
        ["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"],
        ["CC-BY-SA-4.0", "ODbL"],
        ["CC-BY-ND-4.0"],
        ["MIT", "CC-BY-NC-ND-4.0", "unknown"],
    ],
)
def test_licences_that_forbid_the_mix(licences: list[str]) -> None:
    assert mixed(licences).clash


def test_what_is_not_in_the_table_is_unknown_and_makes_the_whole_unknown() -> None:
    found = mixed(["MIT", "My Own", ""])
    assert (found.whole, found.unknown, found.clash) == ("unknown", ("unknown", "my own"), None)
