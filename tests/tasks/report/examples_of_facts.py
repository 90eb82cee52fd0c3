"""A run's facts with something of everything, hostile text among it."""

from __future__ import annotations

from typing import Any

from tasks.ledger.gpu_split import Split
from tasks.report.contamination import Close, Contamination, OfBenchmark, OfSource
from tasks.report.facts import Bin, Example, Facts, Hours, ModelOf, OfStage, Paid, Rated
from tasks.report.funnel import FunnelStep
from tasks.report.novelty import Novelty, sampled
from tasks.screen.guessable import Guessable

HOSTILE = "<script>window.hit=1</script><img src=https://example.org/x onerror=window.hit=1>"
BROKEN = r"Broken: $\frac{1}{$ and \begin{cases} and $\text{</math><script>window.hit=1</script>}$"


def facts(**changed: Any) -> Facts:
    """Values that one of a reviewer would notice if they were lost."""
    found = Facts(
        run="own-0123456789",
        recipe=f"own {HOSTILE}",
        rehearsal=False,
        finished=True,
        dataset="own-abcdef012345",
        rows=60,
        shards=2,
        shards_done=2,
        as_of_ms=1_790_000_000_000,
        models=[ModelOf(role="judge", name=HOSTILE, identity="a/b@1")],
        funnel=[
            FunnelStep(stage="collect", shards=1, rows_in=100, kept=90, dropped={"empty": 10}, quarantined={}),
            FunnelStep(stage="rate", shards=2, rows_in=90, kept=60, dropped={"too_easy": 27},
                       quarantined={"unreadable_reply": 3}),
            FunnelStep(stage="publish", shards=1, rows_in=60, kept=60, dropped={}, quarantined={}),
        ],
        difficulty=[Rated(difficulty=4.5, kept=0, dropped=27), Rated(difficulty=6.0, kept=60, dropped=0)],
        gate=5.0,
        spread={0.0: 50, 0.4: 37},
        topics={"Mathematics -> Algebra -> Linear Algebra -> Matrices": 41, f"Mathematics -> {HOSTILE}": 19},
        answer_types={"number": 55, "set": 5},
        guessable=Guessable(rows=60, yes_no=2, option=1),
        solution_tokens=[Bin(low=0, high=64, released=3, others=4), Bin(low=64, high=91, released=177, others=20)],
        contamination=Contamination(
            benchmarks=[OfBenchmark(benchmark="MATH500", found=3, by={"exact": 2, "judged": 1}, template_only=1)],
            sources=[OfSource(source=HOSTILE, rows=90, dropped=3, template_only=1)],
            closest=[Close(problem_id="ab" * 32, benchmark_id="MATH500/0f", score=0.912)],
        ),
        questions={"MATH500": 500},
        paid=[OfStage(stage="rate", replies=540, errors=2, tokens=99_000, microusd=1_234_567, card_ms=7_200_000)],
        over_time=[Paid(stage="rate", at_ms=1_790_000_000_000 + i * 60_000, microusd=1000 * i) for i in range(6)],
        maybe_attempts=2,
        maybe_microusd=5000,
        hours=[Hours(endpoint="own", model="m", cards=8, split=Split(useful=7_200_000, idle=3_600_000, wasted=1))],
        examples=[
            Example(row="0a", stage="publish", verdict="keep", reason="", question=f"{HOSTILE} $x^2$",
                    notes={"final_answer": r"\frac{7}{3}", "difficulty": "6"}),
            Example(row="0b", stage="rate", verdict="drop", reason="too_easy", question=BROKEN, notes={}),
        ],
        novelty=[
            Novelty(run="own-0123456789", against=HOSTILE, theirs_rows=40, rows=60, unique=58, known=2, embedder="e",
                    sample=sampled(3, 16, 1, 1), method="t-SNE", ours=[(0.1, 0.2), (0.5, 0.5)], theirs=[(0.9, 0.1)])
        ],
    )  # fmt: skip
    return found.model_copy(update=changed)
