"""How many final answers of a data set can be guessed: yes or no, true or false, or the letter of an option.

    python -m tasks.screen.guessable FILE [--column answer]

prints one JSON object about a JSONL or Parquet file. The words decide alone, not what a model called the answer's
kind: a letter that stands for a quantity is counted as well, so the share is never told too small.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from tasks.screen.asking import TWO_WORDS
from tasks.screen.reasons import Reason

MOST = 0.01
"""The largest share that a released data set should have. DeepMath-103K had 0.21."""
_LETTER = re.compile(r"^\W*(?:\\?(?:text|textbf|mathrm)\s*\{)?\W*[A-H](?:\W+(?:and\s+)?\W*[A-H])*\W*$")
"""Capitals only: a small letter is more often a quantity (e, a side a) than an option."""
_LONGEST = 100
"""Of letters of options, with all that stands around them; the pattern's time grows with the square of the length."""


class Guessable(BaseModel):
    """Answers counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    yes_no: int = Field(description="Answers that are yes or no, true or false")
    option: int = Field(description="Answers that are letters of options, A to H")

    @property
    def share(self) -> float:
        """Of all rows, 0 to 1; 0 of none."""
        return (self.yes_no + self.option) / self.rows if self.rows else 0.0

    def __add__(self, other: Self) -> Guessable:
        return Guessable(
            rows=self.rows + other.rows, yes_no=self.yes_no + other.yes_no, option=self.option + other.option
        )


NONE = Guessable(rows=0, yes_no=0, option=0)


def reason(answer: str) -> Reason | None:
    r"""What makes an answer guessable.

    >>> reason(r"\text{Yes}"), reason("(C)"), reason("e"), reason("No solution")
    (<Reason.YES_NO: 'yes_no'>, <Reason.MULTIPLE_CHOICE: 'multiple_choice'>, None, None)
    """
    if TWO_WORDS.match(answer):
        return Reason.YES_NO
    return Reason.MULTIPLE_CHOICE if len(answer) <= _LONGEST and _LETTER.match(answer) else None


def counted(answers: Iterable[str | None]) -> Guessable:
    """How many of these answers can be guessed; a missing one is a row that cannot."""
    found = Counter(None if one is None else reason(one) for one in answers)
    return Guessable(rows=found.total(), yes_no=found[Reason.YES_NO], option=found[Reason.MULTIPLE_CHOICE])


def words(found: Guessable) -> str:
    """The count as a sentence.

    >>> words(Guessable(rows=300, yes_no=2, option=1))
    '3 of 300 final answers (1.00%) can be guessed: 2 yes or no, true or false, 1 the letter of an option.'
    """
    return (
        f"{found.yes_no + found.option:,} of {found.rows:,} final answers ({found.share:.2%}) can be guessed: "
        f"{found.yes_no:,} yes or no, true or false, {found.option:,} the letter of an option."
    )


def main(arguments: list[str]) -> int:
    """Measure one file and print JSON."""
    parser = argparse.ArgumentParser(prog="python -m tasks.screen.guessable", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSON lines, or Parquet")
    parser.add_argument("--column", default="answer", help="the column of the final answers")
    given = parser.parse_args(arguments)
    is_parquet = given.file.suffix == ".parquet"
    read = pl.read_parquet(given.file, columns=[given.column]) if is_parquet else pl.read_ndjson(given.file)
    found = counted(read[given.column].cast(pl.String))
    print(json.dumps({**found.model_dump(), "share": round(found.share, 4)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
