"""What a source is, and how its lines become raw rows. Pure, but for nothing: lines in, rows out.

A bad row is quarantined with its place and the fault, and the others go on; a source of which nothing can be
read is a `SourceError` (raised where files are opened, `tasks.collect.task`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.rows.problem import row_id

LONGEST_LINE = 2**20


class Columns(BaseModel):
    """Which field of a source's rows holds what. A missing id, url or licence field is no fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str = Field(default="question", description="Text of the problem (required in every row)")
    answer: str = Field(default="answer", description="The source's own answer; absent or null where it has none")
    id: str = Field(default="id", description="The source's name for the row")
    url: str = Field(default="url", description="Where the row can be seen")
    licence: str = Field(default="licence", description="The row's own licence, if rows differ")


class Source(BaseModel):
    """One source of problems: JSON Lines, one object a line; compressed by file ending."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Name under which its rows are kept; part of their identity")
    path: str = Field(min_length=1, description="File, or any fsspec URL")
    licence: str = Field(default="unknown", description="Licence of rows that do not carry their own")
    columns: Columns = Columns()

    def identity(self) -> dict[str, Any]:
        """What of a source bears on its rows: not where it lies."""
        return self.model_dump(exclude={"path"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A line of a source. `fault` says why it cannot be read; then its texts are empty."""

    row_id: str
    source: str
    locator: str
    fault: str | None = None
    question: str = ""
    answer: str | None = None
    source_id: str = ""
    url: str = ""
    licence: str = ""


def read(source: Source, lines: Iterable[bytes]) -> Iterator[RawRow]:
    """Every line that is not blank, as a row or as a fault with its line number."""
    seen: Counter[bytes] = Counter()
    file = source.path.rsplit("/", 1)[-1]
    for number, line in enumerate(lines, start=1):
        raw = line.strip()
        if not raw:
            continue
        identity = row_id(source.name, raw, seen[raw])
        seen[raw] += 1
        place = {"row_id": identity, "source": source.name, "locator": f"{file}:{number}"}
        try:
            found = _object(raw)
            place["source_id"] = _unicode(_id(source, found, number))
            yield RawRow(**place, **_fields(source, found))
        except ValueError as fault:
            yield RawRow(**place, fault=str(fault))


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST_LINE:
        raise ValueError(f"the line has {len(raw)} bytes; the limit is {LONGEST_LINE}")
    try:
        found = json.loads(raw, parse_constant=_no_number)
    except RecursionError as fault:
        raise ValueError("not JSON: nested too deeply") from fault
    except ValueError as fault:
        raise ValueError(f"not JSON: {fault}") from fault
    if not isinstance(found, dict):
        raise ValueError(f"a JSON {type(found).__name__}, not an object")
    return found


def _id(source: Source, found: dict[str, Any], number: int) -> str:
    """The source's name for a row; where it has none, the number of its line."""
    named = found.get(source.columns.id)
    return str(number if named is None else named)


def _fields(source: Source, found: dict[str, Any]) -> dict[str, Any]:
    columns = source.columns
    question = found.get(columns.question)
    if not isinstance(question, str):
        raise ValueError(f"no text in field {columns.question!r}; fields are {sorted(found)[:8]}")
    return {
        "question": _unicode(question),
        "answer": _answer(found.get(columns.answer)),
        "url": _unicode(str(found.get(columns.url) or "")),
        "licence": _unicode(str(found.get(columns.licence) or source.licence)),
    }


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _answer(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"the answer is a JSON {type(value).__name__}; text or a number is needed")
    return _unicode(value.strip() if isinstance(value, str) else json.dumps(value, allow_nan=False))


def _unicode(text: str) -> str:
    """The text itself, or ValueError if it holds lone surrogates, which no file can."""
    text.encode("utf-8")
    return text
