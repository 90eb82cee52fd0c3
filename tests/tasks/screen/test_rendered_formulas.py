"""Real posts look the same after cleaning: every formula of before and after is rendered by KaTeX, and compared.

KaTeX is the one that Prefect's pages ship, so that no other copy of it is needed; it runs in a browser.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import prefect
import pytest

from tasks.screen.markup import plain

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.labelled, pytest.mark.timeout(300)]
CHROMIUM = shutil.which("chromium")
KATEX = next((Path(prefect.__file__).parent / "server").glob("ui*/assets/katex-*.js"), None)
_FORMULA = re.compile(r'<span class="math-container"[^>]*>(.*?)</span>', re.DOTALL)
_SPAN = re.compile(r"<span[^>]*>")
_OPENS = re.compile(r"(?<!\\)\$\$?|\\begin\{((?:align|equation|gather)\*?)\}")
_TOKEN = re.compile(r"\\end\{(?P<name>[^}]*)\}|\\.|[{}]|\$\$?", re.DOTALL)
_RENDER = """formulas => formulas.map(formula => {
    try { return katex.renderToString(formula.trim(), {displayMode: true, output: "html", strict: false}) }
    catch (fault) { return null }
})"""
UNPAIRED = {
    f"mse_arqmath{name}"
    for name in ("2020-A.50", "2021-A.255", "2022-A.320", "2022-A.332", "2022-A.335", "2022-A.394")
}
"""Posts whose authors left a dollar open or broke a formula off: where a formula ends in them nobody can tell."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    assert KATEX is not None, "Prefect ships no KaTeX any more: add a package that does"
    from playwright.sync_api import sync_playwright

    source = re.sub(r"export\{(\w+) as default\};?\s*$", r"window.katex=\1;", KATEX.read_text(encoding="utf-8"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        found = browser.new_page()
        found.set_default_timeout(120_000)
        found.add_script_tag(content=source, type="module")
        found.wait_for_function("window.katex !== undefined")
        yield found
        browser.close()


def before(post: str) -> list[str]:
    """The formulas that Stack Exchange has marked in a post, without their delimiters."""
    marked = (html.unescape(_SPAN.sub("", one)).strip() for one in _FORMULA.findall(post))
    return [found[0] if (found := formulas(one)) else one for one in marked]


def formulas(text: str) -> list[str]:
    """What stands between dollars, or is an environment of its own, as KaTeX's auto-render finds it."""
    found, at = [], 0
    while opened := _OPENS.search(text, at):
        end = _end(text, opened.end(), opened.group(), opened.group(1))
        if end is None:
            at = opened.end()
        else:
            inside, at = end
            found.append(text[opened.start() : at] if opened.group(1) else inside)
    return found


def _end(text: str, start: int, opened: str, name: str | None) -> tuple[str, int] | None:
    """The inside of what was opened, and where the rest of the text begins."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        said = token.group()
        depth += (said == "{") - (said == "}")
        if depth <= 0 and (token["name"] == name if name else said == opened):
            return text[start : token.start()], token.end()
    return None


def test_formulas_are_found_as_a_reader_sees_them() -> None:
    text = r"A \$ and $x<2$, $$y\text{ if $z$}$$ \begin{align*} a &= \text{b} \end{align*} and $"
    assert formulas(text) == ["x<2", r"y\text{ if $z$}", r"\begin{align*} a &= \text{b} \end{align*}"]


def test_every_formula_renders_as_before(page: Page, labelled_data: Path) -> None:
    lines = (labelled_data / "raw" / "mse_arqmath.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    posts = {post["id"]: post["body_html"] for post in map(json.loads, lines)}
    assert len(posts) == 298
    was = {name: before(post) for name, post in posts.items() if name not in UNPAIRED}
    now = {name: formulas(plain(posts[name])) for name in was}
    assert {name: len(found) for name, found in now.items()} == {name: len(found) for name, found in was.items()}
    one, other = ([formula for found in side.values() for formula in found] for side in (was, now))
    assert len(one) > 2500
    shown, again = page.evaluate(_RENDER, one), page.evaluate(_RENDER, other)
    assert [pair for pair, a, b in zip(zip(one, other, strict=True), shown, again, strict=True) if a != b] == []
    assert sum(picture is None for picture in shown) < 0.02 * len(shown)


def test_a_changed_formula_would_be_seen(page: Page) -> None:
    a, b, spaced, broken = page.evaluate(_RENDER, ["x<2", "x<3", " x < 2 ", r"\frac{1}{"])
    assert a == spaced != b
    assert broken is None
