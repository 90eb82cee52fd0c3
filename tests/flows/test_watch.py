"""The pace of looks and reports while a run goes."""

from __future__ import annotations

import threading

import pytest

from flows import watch


class Looks:
    """Stands where a view of a run stands; notes what it is asked for, and says when it was enough."""

    def __init__(self, enough: int) -> None:
        self.asked: list[str] = []
        self.enough, self.stop = enough, threading.Event()

    def update(self) -> None:
        self.asked.append("look")
        if self.asked.count("look") == self.enough:
            self.stop.set()
        if self.asked.count("look") == 2:
            raise OSError("the storage is away")

    def reported(self) -> None:
        self.asked.append("report")


@pytest.mark.parametrize(
    ("between", "asked"), [(0.0, ["look", "report"] * 4), (3600.0, ["look"] * 4)], ids=["due", "not due"]
)
def test_a_report_follows_a_look_when_it_is_due_and_a_look_that_fails_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, between: float, asked: list[str]
) -> None:
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(watch, "SECONDS_BETWEEN_REPORTS", between)
    view = Looks(enough=4)
    watch._watch(view, "memory://nothing-is-here", view.stop)  # type: ignore[arg-type]
    assert view.asked == asked
