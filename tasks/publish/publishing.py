"""The last look at every row before it is released: is it whole, and does what stands in it still hold? Pure.

Two kinds of fault are told apart. A row that should not be released is dropped or quarantined, with a reason, like
at any stage. A row that contradicts what earlier stages wrote of it (another final answer than its solutions give,
another question than was decontaminated) has been changed since: then nothing is released (`GateRefused`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.publish.confirming import Word, case, confirmed
from tasks.rows.fingerprint import digest_bytes
from tasks.rows.normal_form import normal_form
from tasks.rows.verdict import Decision, drop, keep, quarantine
from tasks.screen import post, rules
from tasks.verify.consensus import Compares
from tasks.verify.gold import unverifiable

VERSION = 4

Export = Literal["deepmath", "rl", "sft", "full"]
_UNFIT = ("multiple_choice", "proof", "yes_no")
_LEAKED = "answer_leaked"


class Settings(BaseModel):
    """What is released, and in which forms."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    exports: tuple[Export, ...] = Field(
        default=("deepmath", "rl", "sft", "full"), min_length=1, description="Forms of the data set"
    )
    held_out: float = Field(
        default=0.0, ge=0, le=0.5, description="Share of the 4,096 buckets whose rows are split `test`, not `train`"
    )
    levels: tuple[float, float] = Field(
        default=(1.0, 10.0), description="Least and greatest difficulty (rounded) of a released row"
    )
    longest_question: int = Field(default=10_000, ge=1, description="Characters of a released question")
    longest_answer: int = Field(default=300, ge=1, description="Characters of a released final answer")
    shard_mib: int = Field(default=256, ge=1, le=450, description="MiB of a Parquet file, about")

    @model_validator(mode="after")
    def _levels_in_order(self) -> Settings:
        if self.levels[0] > self.levels[1]:
            raise ValueError(f"levels: {self.levels[0]} is above {self.levels[1]}")
        return self


class Reason(StrEnum):
    """Why a row that all stages kept is not released."""

    DUPLICATE_QUESTION = "duplicate_question"
    """Dropped: after rewriting, its question is an exact copy of another released row's."""
    OUTSIDE_LEVELS = "outside_levels"
    """Dropped: its difficulty is none of those that the recipe releases."""
    ANSWER_LEAKED = "answer_leaked"
    """Dropped: the question states the final answer, by the rule that screened it against the source's."""
    UNFIT_TYPE = "unfit_type"
    """Dropped: the final answer is a bare letter, yes or no; or a rule sees a proof or a choice in the question."""
    TOO_LONG = "too_long"
    """Dropped: question or final answer is longer than the recipe releases."""
    NOT_DECONTAMINATED = "not_decontaminated"
    """Quarantined: its question was rewritten after the last decontamination. Run that stage after it, too."""
    INCOMPLETE = "incomplete"
    """Quarantined: a released column would be empty."""
    UNCONFIRMED = "unconfirmed"
    """Quarantined: its final answer could not be compared with one of its solutions again."""


class Gate:
    """Decides rows, which come in the order of `problem_id`. `changed` says of rows what was changed."""

    def __init__(self, settings: Settings, verifier: Compares, *, rewritten_later: bool) -> None:
        """`rewritten_later`: whether the recipe rewrites questions after their last decontamination."""
        self._settings, self._verifier, self._rewritten_later = settings, verifier, rewritten_later
        self._forms: set[int] = set()
        self._last = ""
        self.changed: dict[str, str] = {}

    def decide(self, rows: Sequence[Mapping[str, Any]]) -> list[Decision]:
        """One decision a row. Of sound rows with the same question the one with the least `problem_id` stays."""
        whole = {row["problem_id"]: case(row) for row in rows if self._fault(row) is None}
        wanted = dict.fromkeys(pair for one in whole.values() for pair in one.pairs())
        known = dict(zip(wanted, self._verifier.compare_all(list(wanted)), strict=True))
        words = {identity: confirmed(one, known) for identity, one in whole.items()}
        return [self._decide(row, words.get(row["problem_id"])) for row in rows]

    def _decide(self, row: Mapping[str, Any], word: Word | None) -> Decision:
        if row["problem_id"] <= self._last:
            raise ValueError(f"row {row['problem_id']} comes after {self._last}")
        self._last = row["problem_id"]
        if word is None:
            return quarantine(self._fault(row) or Reason.INCOMPLETE, {})
        if word.refuted:
            self.changed[row["problem_id"]] = word.why
        if word.undecided:
            return quarantine(Reason.UNCONFIRMED, {})
        unfit = self._unfit(row)
        if unfit is not None:
            return drop(unfit, {})
        # 64 bits of a digest: of ten million rows two share one by chance once in 370,000 data sets
        form = int(digest_bytes(normal_form(row["question"]).encode("utf-8", "surrogatepass"))[:16], 16)
        if form in self._forms:
            return drop(Reason.DUPLICATE_QUESTION, {})
        self._forms.add(form)
        return keep({})

    def _fault(self, row: Mapping[str, Any]) -> Reason | None:
        if row.get("decontaminated_question") != row["question"]:
            if row.get("decontaminated_question") is not None and not self._rewritten_later:
                self.changed[row["problem_id"]] = "its question is not the one that was decontaminated"
            return Reason.NOT_DECONTAMINATED
        solutions = row.get("solutions") or ()
        texts = (row["question"], row.get("final_answer"), row.get("topic"), *solutions)
        whole = len(solutions) == 3 and all(text and text.strip() for text in texts)
        return None if whole and row.get("difficulty_rounded") is not None else Reason.INCOMPLETE

    def _unfit(self, row: Mapping[str, Any]) -> Reason | None:
        low, high = self._settings.levels
        question, answer = row["question"], row["final_answer"]
        if not low <= row["difficulty_rounded"] <= high:
            return Reason.OUTSIDE_LEVELS
        if len(question) > self._settings.longest_question or len(answer) > self._settings.longest_answer:
            return Reason.TOO_LONG
        kind = row.get("answer_type")
        if unverifiable(answer, None if kind == "text" else kind) is not None:  # a letter as text can be guessed
            return Reason.UNFIT_TYPE
        read = post.read(question, answer)
        found = next((str(reason) for reason, rule in _RULES if rule(read) is not None), None)
        if found is None:
            return None
        return Reason.ANSWER_LEAKED if found == _LEAKED else Reason.UNFIT_TYPE


_RULES = [(reason, rule) for reason, rule in rules.RULES if reason in (*_UNFIT, _LEAKED)]
"""The screening rules that look at the kind of question and at a leaked answer; now with the final answer."""
