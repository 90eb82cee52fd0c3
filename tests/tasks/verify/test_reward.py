"""The reward: three-valued inside, a number outside, and nothing that a completion says can hang it."""

from collections.abc import Iterator
from threading import Thread

import pytest

from tasks.verify.outcome import Equality
from tasks.verify.pool import Verifier
from tasks.verify.reward import for_trl, for_verl, rewards, verdicts

THOUGHT = "<think>\nIs it \\boxed{1}?\n</think>\n\n"


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(cpu_seconds=2) as one:
        yield one


CASES = [
    (r"So $\boxed{\frac{1}{2}}$.", "0.5", Equality.EQUAL),
    (THOUGHT + r"$\boxed{(x+1)^2}$", "x^2+2x+1", Equality.EQUAL),
    (THOUGHT + r"$\boxed{2}$", "1", Equality.DIFFERENT),
    (r"<think> \boxed{1} and on and on", "1", None),
    ("It is 1, or so.", "1", None),
    ("", "1", None),
    (r"\boxed{all primes}", "every prime number", Equality.UNDECIDED),
]


def test_a_completion_is_right_wrong_undecided_or_states_nothing(verifier: Verifier) -> None:
    found = verdicts([text for text, _, _ in CASES], [answer for _, answer, _ in CASES], verifier=verifier)
    assert found == [verdict for _, _, verdict in CASES]


def test_outside_it_is_a_number(verifier: Verifier) -> None:
    texts, answers = [text for text, _, _ in CASES], [answer for _, answer, _ in CASES]
    assert rewards(texts, answers, verifier=verifier) == [1, 1, 0, 0, 0, 0, 0]
    assert rewards(texts, answers, right=1, wrong=-1, verifier=verifier) == [1, 1, -1, -1, -1, -1, -1]
    assert rewards(texts, answers, wrong=-1, undecided=0, verifier=verifier) == [1, 1, -1, -1, -1, -1, 0]


def test_the_kind_of_answer_decides_about_order(verifier: Verifier) -> None:
    texts = [r"\boxed{(1,2)}", r"\boxed{\{2,1\}}"]
    assert rewards(texts, ["(2,1)", r"\{1,2\}"], ["tuple", "set"], verifier=verifier) == [0, 1]


def test_trl_and_verl_call_it_as_they_call_rewards() -> None:
    said = [[{"role": "assistant", "content": r"\boxed{5}"}], [{"role": "assistant", "content": r"\boxed{6}"}]]
    given = {"prompts": [[], []], "completion_ids": [[1], [2]], "trainer_state": object(), "difficulty": [5.0, 5.0]}
    assert for_trl(completions=said, final_answer=["5", "5"], answer_type=["number", None], **given) == [1.0, 0.0]
    assert for_trl(completions=[r"\boxed{5}"], final_answer=["5"]) == [1.0]
    assert for_verl("deepmath-curation", r"\boxed{5}", "5", {"split": "train", "index": "p"}) == 1.0
    assert for_verl(data_source="x", solution_str="five", ground_truth="5") == 0.0


def test_it_may_be_called_from_any_thread(verifier: Verifier) -> None:
    found: list[list[float]] = []
    call = Thread(target=lambda: found.append(rewards([r"\boxed{x+x}"], ["2x"], verifier=verifier)))
    call.start()
    call.join()
    assert found == [[1.0]]


def test_every_completion_needs_a_reference(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="shorter"):
        verdicts(["a", "b"], ["1"], verifier=verifier)


def test_a_completion_that_would_compute_for_ever_is_given_up(verifier: Verifier) -> None:
    assert verdicts([r"\boxed{9^{9^{9^{9}}}+x}"], ["1+x"], verifier=verifier) == [Equality.UNDECIDED]
