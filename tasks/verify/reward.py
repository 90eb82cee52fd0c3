r"""The verifier as a reward for reinforcement learning, with TRL and verl.

A completion is right when the answer it ends with equals the reference, by the rules that verified the data set.
Inside there are three verdicts; outside a number: `right` where equal, `wrong` where different or where the
completion states no answer, and for what nobody can decide `undecided`, which is `wrong` unless told otherwise.
Reasoning in `<think>` does not count; a thought that never ends has no answer (DeepSeek-R1's form).

Hard pairs are compared in killable processes with limits on CPU time and memory, so hostile completions neither hang
nor blow up the trainer; no signal is used, so it may be called from any thread.

    TRL     GRPOTrainer(..., reward_funcs=tasks.verify.reward.for_trl)
    verl    custom_reward_function.path=tasks/verify/reward.py custom_reward_function.name=for_verl

The `rl` export has the columns that both read: `final_answer` and `answer_type`; `reward_model.ground_truth`.

>>> rewards([r"<think>\boxed{1}</think> So $\boxed{\frac12}$.", r"\boxed{2}", "no idea"], ["0.5", "0.5", "0.5"])
[1.0, 0.0, 0.0]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.verify.extract import final_answer
from tasks.verify.outcome import Equality, Pair
from tasks.verify.pool import CPU_SECONDS, MEMORY_BYTES, Verifier, shared

RIGHT, WRONG = 1.0, 0.0


def verdicts(
    completions: Sequence[str],
    answers: Sequence[str],
    kinds: Sequence[str | None] | None = None,
    verifier: Verifier | None = None,
) -> list[Equality | None]:
    """Whether each completion's final answer equals its reference; None where it states no answer.

    `kinds` are kinds of answers (`answer_type`), which decide for example whether a tuple has an order. Raises
    ValueError if the lengths differ.
    """
    found = [final_answer(text) for text in completions]
    pairs: list[tuple[int, Pair]] = [
        (place, (given, answer, kind))
        for place, (given, answer, kind) in enumerate(
            zip(found, answers, kinds if kinds is not None else [None] * len(answers), strict=True)
        )
        if given is not None
    ]
    known: list[Equality | None] = [None] * len(found)
    compared = (verifier or shared(CPU_SECONDS, MEMORY_BYTES)).compare_all([pair for _, pair in pairs])
    for (place, _), seen in zip(pairs, compared, strict=True):
        known[place] = seen.verdict
    return known


def rewards(
    completions: Sequence[str],
    answers: Sequence[str],
    kinds: Sequence[str | None] | None = None,
    *,
    right: float = RIGHT,
    wrong: float = WRONG,
    undecided: float | None = None,
    verifier: Verifier | None = None,
) -> list[float]:
    """One number a completion; `right=1, wrong=-1` gives the ±1 that DeepMath's own scripts use.

    `undecided` is for pairs that nobody can decide; None gives `wrong`.
    """
    unknown = wrong if undecided is None else undecided
    values = {Equality.EQUAL: right, Equality.DIFFERENT: wrong, Equality.UNDECIDED: unknown, None: wrong}
    return [values[verdict] for verdict in verdicts(completions, answers, kinds, verifier)]


def for_trl(
    completions: Sequence[str | Sequence[Mapping[str, Any]]],
    final_answer: Sequence[str],
    answer_type: Sequence[str | None] | None = None,
    **columns: Any,
) -> list[float]:
    """A reward function of TRL: completions are texts or conversations, the rest are columns of the `rl` export."""
    del columns
    return rewards([_text(one) for one in completions], final_answer, answer_type)


def for_verl(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    """A reward function of verl, one completion at a time (`reward_model.ground_truth` of the `rl` export)."""
    del data_source, extra_info
    return rewards([solution_str], [ground_truth])[0]


def _text(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """What the model wrote: of a conversation the last message, as text."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])
