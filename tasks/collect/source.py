"""What a source is, and how the records of its files become raw rows. Pure: records in, rows out.

A bad row is quarantined with its place and the fault, and the others go on; a source of which nothing can be
read is a `SourceError` (raised where files are opened, `tasks.collect.opening`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.collect.presets import filled
from tasks.collect.readers import lines as json_lines
from tasks.collect.readers.record import LONGEST, Record
from tasks.rows.problem import row_id
from tasks.verify.extract import final_answer

LONGEST_LINE = LONGEST
_STRICT = ConfigDict(frozen=True, extra="forbid")
Format = Literal["jsonl", "parquet", "csv", "tsv", "stack_exchange", "stack_exchange_page"]
_ENDINGS: dict[str, Format] = {
    ".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".xml": "stack_exchange", ".7z": "stack_exchange",
    ".html": "stack_exchange_page", ".htm": "stack_exchange_page",
}  # fmt: skip
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")


class Columns(BaseModel):
    """Which field of a source's rows holds what. A missing id, url or licence field is no fault."""

    model_config = _STRICT

    question: str = Field(default="question", description="Text of the problem (required in every row)")
    answer: str | None = Field(
        default="answer", description="The source's own answer; absent or null where it has none; no field if null"
    )
    solution: str = Field(
        default="solution", description="The source's worked solution; where there is no answer, the one it ends with"
    )
    id: str = Field(default="id", description="The source's name for the row")
    url: str = Field(default="url", description="Where the row can be seen")
    licence: str = Field(default="licence", description="The row's own licence, if rows differ")
    about: str = Field(default="about", description="What else is known of the row, kept as JSON")


class Hub(BaseModel):
    """A data set of the Hugging Face Hub."""

    model_config = _STRICT

    id: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="<owner>/<name>")
    revision: str | None = Field(
        default=None, min_length=1, description="Commit, tag or branch; a commit pins the rows. Left out: main"
    )
    split: str = Field(default="train", pattern=r"^\w[\w.-]*$", description="Files of this split are read")
    files: tuple[str, ...] = Field(default=(), description="Paths or globs in the data set, where the split's name "
        "does not tell")  # fmt: skip

    @property
    def url(self) -> str:
        """Its root for fsspec."""
        return f"hf://datasets/{self.id}@{(self.revision or 'main').replace('/', '%2F')}"


class Source(BaseModel):
    """One source of problems: files of one format, compressed by file ending, or a data set of the Hub."""

    model_config = _STRICT

    name: str = Field(min_length=1, description="Name under which its rows are kept; part of their identity")
    preset: str | None = Field(default=None, description="A known source, whose fields stand for those left out")
    path: str = Field(default="", description="File, any fsspec URL (s3://, hf://), or a glob of them")
    hub: Hub | None = Field(default=None, description="A data set of the Hugging Face Hub, instead of a path")
    format: Format | None = Field(default=None, description="By the file's ending if left out; else JSON Lines")
    licence: str = Field(default="unknown", description="Licence of rows that do not carry their own")
    columns: Columns = Columns()
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Only rows whose field has one of these values; the others are not its rows"
    )
    limit: int | None = Field(default=None, ge=1, description="Only so many rows of it, the first; null for all")
    site: str = Field(default="math.stackexchange.com", description="Host of Stack Exchange posts, for their URLs")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        return filled(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _lies_somewhere(self) -> Self:
        if bool(self.path) == (self.hub is not None):
            raise ValueError("a source has either a path or a hub data set")
        return self

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return self.hub.url if self.hub else self.path

    def identity(self) -> dict[str, Any]:
        """What of a source bears on its rows: not where it lies, nor how many of them are taken."""
        return self.model_dump(mode="json", exclude={"path", "hub", "preset", "limit"})

    def needed(self) -> list[str]:
        """The fields of a row that are looked at."""
        return [*filter(None, self.columns.model_dump().values()), *self.where]

    def format_of(self, path: str) -> Format:
        """How a file is read, by its ending where the source does not say."""
        name = path.lower()
        for ending in _COMPRESSED:
            name = name.removesuffix(ending)
        named: list[Format] = [kind for ending, kind in _ENDINGS.items() if name.endswith(ending)]
        return self.format or (named[0] if named else "jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A row of a source. `fault` says why it cannot be read; then its texts are empty."""

    row_id: str
    source: str
    locator: str
    fault: str | None = None
    question: str = ""
    answer: str | None = None
    source_id: str = ""
    url: str = ""
    licence: str = ""
    about: str | None = None


class Rows:
    """Rows from the records of all files of a source: of equal ones each has an identity of its own.

    Of what has gone by 16 bytes a row are remembered, which take 110 in memory, and nothing else.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: Counter[bytes] = Counter()

    def of(self, file: str, records: Iterable[Record]) -> Iterator[RawRow]:
        """The records of one file as rows, or as faults with their place; what `where` leaves out is skipped."""
        source = self._source
        for record in records:
            if not record.fault and not _belongs(source, record.fields):
                continue
            known = hashlib.blake2b(record.raw, digest_size=16).digest()
            identity = row_id(source.name, record.raw, self._seen[known])
            self._seen[known] += 1
            place = {"row_id": identity, "source": source.name, "locator": f"{file}:{record.number}"}
            if record.fault:
                yield RawRow(**place, fault=record.fault)
                continue
            try:
                place["source_id"] = _unicode(_id(source, record))
                yield RawRow(**place, **_fields(source, record.fields))
            except ValueError as fault:
                yield RawRow(**place, fault=str(fault))


def read(source: Source, lines: Iterable[bytes]) -> Iterator[RawRow]:
    """Every line of a JSON Lines source that is not blank, as a row or as a fault with its line number."""
    return Rows(source).of(source.path.rsplit("/", 1)[-1], json_lines.records(lines))


def _belongs(source: Source, found: Mapping[str, Any]) -> bool:
    return all(str(found.get(name)) in wanted for name, wanted in source.where.items())


def _id(source: Source, record: Record) -> str:
    """The source's name for a row; where it has none, the number of its line."""
    named = record.fields.get(source.columns.id)
    return str(record.number if named is None else named)


def _fields(source: Source, found: Mapping[str, Any]) -> dict[str, Any]:
    columns = source.columns
    question = found.get(columns.question)
    if not isinstance(question, str):
        raise ValueError(f"no text in field {columns.question!r}; fields are {sorted(found)[:8]}")
    about = found.get(columns.about)
    return {
        "question": _unicode(question),
        "answer": _answer(found.get(columns.answer or "")) or _concluded(found.get(columns.solution)),
        "url": _unicode(str(found.get(columns.url) or "")),
        "licence": _unicode(str(found.get(columns.licence) or source.licence)),
        "about": _unicode(json.dumps(about, sort_keys=True, ensure_ascii=False, default=str)) if about else None,
    }


def _answer(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"the answer is a JSON {type(value).__name__}; text or a number is needed")
    return _unicode(value.strip() if isinstance(value, str) else json.dumps(value, allow_nan=False))


def _concluded(solution: Any) -> str | None:
    """The answer that a worked solution states; None if it states none, or there is no solution."""
    stated = final_answer(solution) if isinstance(solution, str) else None
    return _unicode(stated) if stated and stated.strip() else None


def _unicode(text: str) -> str:
    """The text itself, or ValueError if it holds lone surrogates, which no file can."""
    text.encode("utf-8")
    return text
