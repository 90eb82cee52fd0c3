"""The card says where rows come from, which models judged them, and whether all of it was a rehearsal."""

import yaml

from tasks.publish.card import card


def made(*models: str) -> str:
    roles = dict(zip(("judge", "solver"), models, strict=False))
    return card(
        name="demo-1", recipe="demo", rows=3, sources={("forum", "CC-BY"): 2, ("champ", "MIT"): 1}, models=roles
    )


def test_sources_with_licences_and_models_with_roles_are_listed() -> None:
    text = made("gpt-4o@2024-08-06", "deepseek-r1@abc")
    for line in ("| forum | CC-BY | 2 |", "| champ | MIT | 1 |", "| judge | gpt-4o@2024-08-06 |", "3 problems"):
        assert line in text


def test_one_rehearsal_model_makes_it_a_rehearsal() -> None:
    assert "rehearsal, not a data set to train on" in made("gpt-4o@2024-08-06", "rehearsal/solver@1")
    assert "rehearsal" not in made("gpt-4o@2024-08-06", "deepseek-r1@abc")


def test_its_head_names_the_files_for_loaders() -> None:
    head = yaml.safe_load(made("m@1").split("---")[1])
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "train-*.parquet"}]
