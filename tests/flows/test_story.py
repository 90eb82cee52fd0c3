"""A story printed: hostile texts are shown, and move or colour nothing."""

from rich.console import Console

from flows.explain import Step, Story
from flows.story import plain, rendered


def test_hostile_texts_are_shown_as_they_are() -> None:
    text = "[red]x[/] \x1b[2J\x07 {}"
    step = Step(
        stage="screen", shard="s", verdict="drop", reason="proof", columns={"note": text, "none": None},
        evidence={"neighbours": [{"question": text}]}, asked=[{"role": "r", "key": "k", "microusd": 5}],
    )  # fmt: skip
    story = Story(
        run="r", problem_id="p" * 64, outcome="dropped by screen: proof", collected=[{"source": text}],
        problem={"question": text}, steps=[step], paid_microusd=0,
        attempts=[{"stage": "screen", "model": text, "status": "reply", "error": None, "microusd": 7}
                  | {"prompt_tokens": 1, "completion_tokens": None}],
    )  # fmt: skip
    console = Console(width=120, record=True, force_terminal=False)
    with console.capture() as seen:
        console.print(rendered(story))
    said = seen.get()
    assert "\x1b[2J" not in said and "\x07" not in said
    assert said.count("[red]x[/] \\x1b[2J\\x07 {}") == 5
    assert "dropped by screen: proof" in said and "none" not in said


def test_long_texts_are_cut_and_say_so() -> None:
    assert plain("a" * 500, 400) == "a" * 400 + " ... (500 characters)"
    assert plain(["a", "b\nc"], None) == "1: a\n2: b\nc"
