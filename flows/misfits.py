"""Settings of stages that are right each by itself and do not go together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from tasks.models.endpoint import Endpoint
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


def fits(endpoint: Endpoint) -> Endpoint:
    """The endpoint, as a recipe may have it. Raises `ValueError` for settings that another kind would need."""
    kind = endpoint.kind
    if kind != "litellm" and (kind == "openai") != bool(endpoint.address):
        raise ValueError("kind openai needs an address, other kinds have none")
    if kind == "litellm" and endpoint.lane == "batch":
        raise ValueError("the batch lane speaks to the provider directly: use kind openai and its address")
    if kind == "litellm" and endpoint.stall_seconds is not None:
        raise ValueError("kind litellm is not streamed (it loses cached tokens): leave stall_seconds out")
    if (kind == "vllm") != (endpoint.engine is not None):
        raise ValueError("kind vllm needs an engine, other kinds have none")
    if endpoint.engine is not None and endpoint.stall_seconds is not None:
        raise ValueError("an engine's own stall_seconds says when it hangs: leave it out of the endpoint")
    if endpoint.faults is not None and kind != "rehearsal":
        raise ValueError("only kind rehearsal misbehaves on a plan: leave faults out")
    if endpoint.first_token_seconds is not None and endpoint.stall_seconds is None:
        raise ValueError("first_token_seconds bounds a stream, so it needs stall_seconds")
    return endpoint
