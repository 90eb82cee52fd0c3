from __future__ import annotations

import time

import pytest

from tasks.verify.extract import alternatives, final_answer, find


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"So $x = \boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"First \boxed{1}, but no: \boxed{2}", "2"),
        (r"\boxed{ \{1, 2\} }", r"\{1, 2\}"),
        (r"<think>is it \boxed{7}?</think>\n\nIt is \boxed{8}.", "8"),
        (r"<think>\boxed{7}</think> I could not finish.", None),
        (r"<think>it must be \boxed{7}", None),
        (r"thought</think> <answer>180</answer>", "180"),
        (r"<answer> \boxed{\dfrac{1}{4}} </answer>", r"\dfrac{1}{4}"),
        ("The final answer is 12,000,023. I hope it is correct.", "12,000,023"),
        ("Final Answer: The final answer is $14{,}916$. I hope it is correct.", "$14{,}916$"),
        ("**Final answer:** $x = 2$", "$x = 2$"),
        ("Therefore $x \\geq 5$ is the solution.", "$x \\geq 5$"),
        (r"half of \boxed{255}, so \$10,455. The final answer is $10455$.", "$10455$"),
        (r"\boxed{(1, 2)}, \boxed{(2, 1)} and $\boxed{(0, 0)}$", "(1, 2), (2, 1), (0, 0)"),
        (r"\boxed{1} no no no \boxed{2}", "2"),
        (r"\boxed{12", None),
        (r"\boxed{5} and then \boxed{12", "5"),
        (r"\boxed{}", None),
        ('Thus it is 15.\n```json\n{\n    "answer": "15"\n}\n```', "15"),
        ('{"steps": "x = 3", "answer": [1, 2]}', "1, 2"),
        ('{"answer": {"x": 3, "y": 4}}', "x = 3, y = 4"),
        (r'{"answer": "\frac{1}{2}"}', r"\frac{1}{2}"),
        (
            r'{"answer": "It is \( \begin{pmatrix} 0 \\ 1 \end{pmatrix} \)",}',
            r"It is \( \begin{pmatrix} 0 \\ 1 \end{pmatrix} \)",
        ),
        (r'{"answer": "\\frac{1}{2}"}', r"\frac{1}{2}"),
        (r'{"answer": "\u00b14"}', "±4"),
        ('{"answer": 0.4120}', "0.4120"),
        ('{"answer": 123456789012345678901234.50}', "123456789012345678901234.50"),
        ('{"answer": {"a": 2, "b": [15523, 9893]}}', "a = 2, b = [15523, 9893]"),
        ('{"answer": [[1, 2], [3, 4]]}', "[1, 2], [3, 4]"),
        ("**Answer:**\n\\[\n\\frac{7}{9}\n\\]\n", r"\frac{7}{9}"),
        ("Therefore, there are 12 ways to do it. I hope it is correct. <|im_end|>", "there are 12 ways to do it"),
        ("<answer>it is 16</answer> no </answer>15</answer>", "15"),
        ("There are 3 cases, so 4 + 5 = 9 ways.", None),
        ("Therefore $x$ has no solution.", None),
        ("", None),
    ],
)
def test_final_answer(solution: str, answer: str | None) -> None:
    assert final_answer(solution) == answer


@pytest.mark.parametrize(
    ("solution", "place"),
    [
        (r"\boxed{7}", "box"),
        ("<answer>7</answer>", "tag"),
        ("The answer is 7.", "sentence"),
        ("So $x = 7$.", "conclusion"),
        ('{"answer": 7}', "json"),
    ],
)
def test_where_an_answer_was_found(solution: str, place: str) -> None:
    found = find(solution)
    assert found is not None
    assert found.place == place
    assert "7" in found.answer


@pytest.mark.parametrize(
    ("source", "forms"),
    [
        (None, ()),
        ("  ", ()),
        ("C(10, 5), or equivalently 252", ("C(10, 5)", "252")),
        ("5/14, or approximately 35.7%", ("5/14", "35.7%")),
        ("C(n, 4), or an equivalent form such as n(n-1)/4!", ("C(n, 4)", "n(n-1)/4!")),
        ("100 (i.e., all values)", ("100", "all values")),
        ("0 (none of the values)", ("0", "none of the values")),
        ("0 is the only possible value", ("0",)),
        ("The only possible value for the limit is sqrt(a)", ("sqrt(a)",)),
        ("The limit exists and is equal to (a+3b)/2", ("(a+3b)/2",)),
        ("No integer solutions", ("No integer solutions",)),
        ("x=2, y=1", ("x=2, y=1",)),
        ("(x^2+x+1)(x^2-x+1)", ("(x^2+x+1)(x^2-x+1)",)),
        ("sqrt(3)/3, or equivalently 1/sqrt(3)", ("sqrt(3)/3", "1/sqrt(3)")),
        ("f(x)=0 or f(x)=1", ("f(x)=0 or f(x)=1",)),
        (r"$\frac{1}{4}$", (r"$\frac{1}{4}$",)),
        (r"\boxed{5}", ("5",)),
        ("42.", ("42.", "42")),
        ("Exactly one", ("Exactly one", "1")),
        ("98 values", ("98 values", "98")),
    ],
)
def test_alternatives(source: str | None, forms: tuple[str, ...]) -> None:
    assert alternatives(source) == forms


@pytest.mark.parametrize(
    "hostile",
    [
        r"\boxed{" * 20_000,
        "<answer>" * 50_000,
        "answer" + " " * 500_000,
        "final answer is " * 20_000,
        r"\boxed{1}\text{" + " " * 200_000 + r"\boxed{2}",
        "{" * 100_000 + r"\boxed{" + "{" * 100_000,
        "(" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_extraction_of_hostile_text_is_quick(hostile: str) -> None:
    start = time.process_time()
    final_answer(hostile)
    alternatives(hostile)
    assert time.process_time() - start < 5
