r"""The solver: recorded solutions of recorded problems, boxed the way a solver that is graded boxes.

Sample k of a problem is its k-th different recording, in the order of `ORDER`: settings without solution
steps in the prompt, GPT-4 Turbo first. "No C w/o H" is the same conversation as "0-Shot" for all problems,
and "Direct C w/o H" is that of "0-Shot" for 47, so equal solutions are counted once. After the last one
the count begins again.

The recorded solution is the reasoning, as R1 servers give it; the content is the recorded closing sentence
and, where a rule finds the answer in that sentence, the box.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.models.rehearsal.boxing import final_answer
from tasks.models.rehearsal.champ import ChampProblem, Recording
from tasks.models.rehearsal.chatter import without_chatter
from tasks.models.rehearsal.recall import recall

ORDER = (
    ("GPT-4 Turbo", "0-Shot"),
    ("GPT-4 Turbo", "5-Shot"),
    ("GPT-4 Turbo", "Direct C w/o H"),
    ("GPT-4 Turbo", "Misleading C w/o H"),
    ("GPT-4", "0-Shot"),
    ("GPT-4", "5-Shot"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """What a solver says; `finish_reason` is "stop" or "length"."""

    reasoning: str
    content: str
    finish_reason: str


def solve(problem: str, sample: int) -> Solution:
    """The recording of sample `sample` (0, 1, ...), or an honest word that there is none."""
    known = recall(problem) or recall(without_chatter(problem))
    if known is None:
        return Solution(reasoning="", content="[rehearsal: no recording of this problem]", finish_reason="stop")
    takes = different_recordings(known)
    return replay(takes[sample % len(takes)])


def different_recordings(problem: ChampProblem) -> list[Recording]:
    """The recordings of `ORDER` with different solutions."""
    first: dict[str, Recording] = {}
    for key in ORDER:
        take = problem.recordings[key]
        first.setdefault(take.solution, take)
    return list(first.values())


def replay(take: Recording) -> Solution:
    """A recording as a reply."""
    label = f"[rehearsal: recorded {take.model} answer, setting {take.setting}, from CHAMP]"
    if take.truncated:
        return Solution(reasoning=take.solution, content=label, finish_reason="length")
    answer = final_answer(take.closing)
    box = f"\n\n\\boxed{{{answer}}}" if answer and r"\boxed{" not in take.closing else ""
    return Solution(reasoning=take.solution, content=f"{label}\n{take.closing}{box}", finish_reason="stop")
