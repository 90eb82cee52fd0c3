"""The card that lies beside a data set: what it is, where its rows come from, what they passed. Pure.

Its head is YAML that the Hugging Face Hub reads (https://huggingface.co/docs/hub/datasets-cards).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tasks.publish.licences import Mix
from tasks.publish.release import Counts, Release, Step
from tasks.publish.writing import DataFile
from tasks.screen.guessable import words

_REHEARSAL = """\
> **This is a rehearsal, not a data set to train on.** Its judgements come from written rules and its
> solutions are recorded answers of older models; no row was seen by a model named in a real recipe.

"""
_EXPORTS = {
    "deepmath": "the seven columns of DeepMath-103K, with its types",
    "rl": "`prompt` as messages and `solution` (TRL); `reward_model` and `extra_info` (verl)",
    "sft": "one conversation a solution, the reasoning inside `<think>`",
    "full": "every column, verdict, neighbour and request key, with prices",
}
_LIMITS = """\
- Solutions that agree are evidence and not proof: rows whose source states no answer rest on one model agreeing with
  itself (`kept_by` in `full` says which), and it repeats its own mistakes.
- A topic and a difficulty are a model's opinion; all ratings are in `full`.
- Decontamination finds what is in the benchmarks that the recipe names, and only those.
- Prices are those of the replies that the rows rest on, dropped rows included: what was paid twice, or for requests
  that failed, is in the ledger of the run and not here.
"""


def card(
    name: str, release: Release, counts: Counts, funnel: Sequence[Step], mix: Mix, files: Sequence[DataFile]
) -> str:
    """The README of a data set, head and body."""
    parts = [
        f"# {name}\n\n{_REHEARSAL if release.is_rehearsal else ''}"
        f"{counts.rows} problems, made by recipe `{release.recipe}`"
        f" ({', '.join(f'{split} {n}' for split, n in sorted(counts.splits.items()))}).",
        _section("Forms", ["form", "rows", "holds"], _forms(files)),
        _section("Sources and licences", ["source", "licence", "rows"], _sources(counts)),
        f"The whole: **{mix.whole}**.{_unknown(mix)} Every row's own source, address and licence are in `full`.",
        _section("What became of the rows", ["stage", "in", "kept", "dropped", "quarantined"], map(_line, funnel)),
        _section("Models", ["role", "model"], sorted(release.models.items())),
        _section("What the replies cost", ["stage", "requests", "USD"], _spend(funnel)),
        _section("Difficulty", ["level", "rows"], sorted(counts.difficulty.items())),
        _section("Kinds of answer", ["kind", "rows"], _most(counts.answer_types)),
        words(counts.guessable),
        _section("Domains", ["domain", "rows"], _most(counts.domains)),
        _section("Kept by", ["rule", "rows"], _most(counts.kept_by)),
        f"## Known limits\n\n{_LIMITS}" + "".join(f"- {limit}\n" for limit in release.limits),
        "`recipe.json` holds stages, settings and prompts' digests, `requirements.lock` what it ran with, "
        "`croissant.json` a description for machines.\n",
    ]
    return f"---\n{yaml.safe_dump(head(name, counts, mix, files), sort_keys=False)}---\n" + "\n\n".join(parts)


def head(name: str, counts: Counts, mix: Mix, files: Sequence[DataFile]) -> dict[str, Any]:
    """The YAML head: language, licence, size, and which files make which configuration."""
    forms = list(dict.fromkeys(one.export for one in files))
    return {
        "pretty_name": name,
        "language": ["en"],
        "license": mix.whole,
        "task_categories": ["text-generation", "question-answering"],
        "tags": ["math", "reasoning", "croissant"],
        "size_categories": [_size(counts.rows)],
        "configs": [
            {
                "config_name": form,
                **({"default": True} if place == 0 else {}),
                "data_files": [
                    {"split": split, "path": f"{form}/{split}-*.parquet"}
                    for split in dict.fromkeys(one.split for one in files if one.export == form)
                ],
            }
            for place, form in enumerate(forms)
        ],
    }


def _size(rows: int) -> str:
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")


def _forms(files: Sequence[DataFile]) -> list[tuple[Any, ...]]:
    forms = dict.fromkeys(one.export for one in files)
    return [(f"`{form}`", sum(one.rows for one in files if one.export == form), _EXPORTS[form]) for form in forms]


def _sources(counts: Counts) -> list[tuple[Any, ...]]:
    return [(source, licence, n) for (source, licence), n in sorted(counts.sources.items())]


def _unknown(mix: Mix) -> str:
    return f" Not known: {', '.join(mix.unknown)}; this data set may not be passed on." if mix.unknown else ""


def _line(step: Step) -> tuple[Any, ...]:
    return step.stage, step.rows_in, step.kept, _reasons(step.dropped), _reasons(step.quarantined)


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in counts.items())


def _spend(funnel: Sequence[Step]) -> list[tuple[Any, ...]]:
    asked = [step for step in funnel if step.requests]
    total = ("all", sum(step.requests for step in asked), _usd(sum(step.microusd for step in asked)))
    return [*((step.stage, step.requests, _usd(step.microusd)) for step in asked), total]


def _usd(microusd: int) -> str:
    return f"{microusd / 1_000_000:.6f}"


def _most(counts: Mapping[str, int]) -> list[tuple[Any, ...]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _section(title: str, columns: Sequence[str], rows: Any) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(_cell(one) for one in line)} |" for line in lines)


def _cell(value: Any) -> str:
    """A value inside a table: text from outside may hold what ends a cell or begins markup."""
    text = " ".join(str(value).split())
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
