"""The card that lies beside a data set: what it is, where its rows come from, what they passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_CARD = """\
---
configs:
- config_name: default
  data_files:
  - split: train
    path: train-*.parquet
---
# {title}

{warning}{rows} problems, made by recipe `{recipe}`.

| source | licence | rows |
|---|---|---|
{sources}

| role | model |
|---|---|
{models}
"""

_REHEARSAL = """\
> **This is a rehearsal, not a data set to train on.** Its judgements come from written rules and its
> solutions are recorded answers of older models; no row was seen by a model named in a real recipe.

"""


def card(
    *, name: str, recipe: str, rows: int, sources: Mapping[tuple[str, str], int], models: Mapping[str, str]
) -> str:
    """The README of a data set. `sources` maps (source, licence) to rows, `models` maps roles to identities."""
    rehearsal = any(model.startswith("rehearsal/") for model in models.values())
    return _CARD.format(
        title=name,
        warning=_REHEARSAL if rehearsal else "",
        rows=rows,
        recipe=recipe,
        sources="\n".join(f"| {source} | {licence} | {n} |" for (source, licence), n in sorted(sources.items())),
        models="\n".join(f"| {role} | {model} |" for role, model in sorted(models.items())),
    )
