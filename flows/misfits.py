"""Settings of stages that are right each by itself and do not go together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from tasks.solve import solving
from tasks.verify import consensus


def misfits(stages: Mapping[str, Sequence[BaseModel]], models: Mapping[str, str]) -> list[str]:
    """What does not fit together and how to mend it, of the settings of stages (those of their requeues among them)
    and the names of the roles' models.
    """
    solves = [each for each in stages.get("solve", ()) if isinstance(each, solving.Settings)]
    verifies = [each for each in stages.get("verify", ()) if isinstance(each, consensus.Settings)]
    found = []
    if any(each.sampling == "lazy" for each in solves):
        if any(each.agreement == "majority" for each in verifies):
            found.append(
                "solve.sampling: lazy stops at the first answer that differs, and verify.agreement: majority may keep"
                " such a row; use sampling: all, or agreement: unanimity"
            )
        if any(each.judge for each in verifies):
            found.append(
                "solve.sampling: lazy stops at the first undecided pair, and verify.judge may still decide it; use"
                " sampling: all, or leave the judge out"
            )
    second = any(each.second_solutions for each in solves)
    if any(each.agreement == "cross_family" for each in verifies) and not second:
        found.append(
            "verify.agreement: cross_family needs answers of a second solver; set solve.second_solutions to 1 or more"
        )
    if second and "solver" in models and models["solver"] == models.get("second_solver"):
        found.append(
            f"roles.second_solver.model: {models['solver']!r} is the solver's own; name a model of another family"
        )
    return found
