"""The page: a browser runs and loads nothing of it, hostile text is text, and the numbers are those of the run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.report.html.page import page
from tests.tasks.report.examples_of_facts import facts

if TYPE_CHECKING:
    from playwright.sync_api import Browser


class Elements(HTMLParser):
    """What a browser finds on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def made() -> str:
    return page(facts())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


def test_hostile_text_is_on_the_page_as_text_alone(made: str) -> None:
    found = Elements()
    found.feed(made)
    assert "https://example.org" in found.text
    assert not found.tags & {"script", "iframe", "object", "link", "form", "base"}
    assert {value[:19] for name, value in found.attributes if name == "src"} == {"data:image/svg+xml;"}
    assert all(value.startswith("#") for name, value in found.attributes if name == "href")
    assert not [name for name, _ in found.attributes if name.startswith("on") or name == "style"]


def test_the_numbers_are_told(made: str) -> None:
    for said in (
        "60.0% of those",
        "USD 1.23",
        "1.23",
        "27 too easy",
        "99,000",
        "0.912",
        "3.00",
        "41",
        "0.0050",
        "3 of 60 final answers (5.00%)",
    ):
        assert said in made


def test_what_a_run_does_not_have_is_left_out() -> None:
    bare = facts(
        **{"difficulty": [], "topics": {}, "contamination": None, "answer_types": {}, "solution_tokens": []},
        **{"over_time": [], "hours": [], "novelty": [], "examples": [], "paid": [], "spread": {}},
        finished=False, dataset=None, rows=0, shards_done=0,
    )  # fmt: skip
    made = page(bare)
    assert "Not finished: 0 of 2 shards" in made
    for gone in ('id="difficulty"', 'id="topics"', 'id="novelty"', "GPU-hours"):
        assert gone not in made


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 900, "light"), (390, 844, "dark")])
def test_a_browser_shows_it_without_a_request_or_a_script(
    made: str, browser: Browser, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    path = tmp_path / "report.html"
    path.write_text(made, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    shown = context.new_page()
    requests, complaints = [], []
    shown.on("request", lambda one: requests.append(one.url))
    shown.on("console", lambda one: complaints.append(one.text))
    shown.on("pageerror", lambda one: complaints.append(str(one)))
    shown.goto(path.as_uri())
    shown.eval_on_selector_all("details", "found => found.forEach(one => one.open = true)")
    shown.screenshot(path=Path(os.environ.get("SCREENSHOTS") or tmp_path) / f"report-{width}.png", full_page=True)
    assert [one for one in requests if not one.startswith("data:image/svg+xml")] == [path.as_uri()]
    assert complaints == []
    assert shown.evaluate("window.hit") is None
    assert shown.evaluate("document.documentElement.scrollWidth") == width, "the page itself scrolls sideways"
    assert shown.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 100)")
    assert len(shown.query_selector_all("math")) >= 2
    context.close()
