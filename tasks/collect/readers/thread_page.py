"""A question's page of a Stack Exchange site, as served: the record that the site's data dump has of the question.

The page marks its posts by schema.org's microdata (`itemprop`) and `data-` attributes. Formulas stand in it as LaTeX
between dollars, which MathJax would draw in a browser; nothing of a page is run here, and nothing it names is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import IO

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tasks.collect.readers.html_text import MOST_TAGS, text_of
from tasks.collect.readers.record import Record, of_fields
from tasks.collect.readers.stack_exchange import licence

LONGEST_PAGE = 4 * 2**20
"""Bytes of a page, which shows at most thirty answers."""
_MARK = re.compile(r"\s*\[(closed|duplicate|on hold|migrated)\]$")  # what the site puts behind a title
_NO_PART = "aside, .js-post-notice, script:not([type^='math/tex']), style"  # of what somebody wrote


def record(file: IO[bytes], site: str) -> Record:
    """The question of one page: fields question (title and body, HTML as posted), solution (the accepted answer, else
    the best, as text), id, url, licence, and `about`: tags, score, day, and the answers it came from.

    A page that is too long or no question's is a record with a fault.
    """
    page = file.read(LONGEST_PAGE + 1)
    if len(page) > LONGEST_PAGE or page.count(b"<") > MOST_TAGS:
        return Record(number=1, raw=page, fault=f"the page has over {LONGEST_PAGE} bytes or {MOST_TAGS} tags")
    tree = LexborHTMLParser(page.decode("utf-8", "replace"))
    question = tree.css_first("[data-questionid]")
    title = tree.css_first("h1[itemprop=name], #question-header h1")
    body = _text(question)
    if question is None or title is None or not body:
        return Record(number=1, raw=page, fault="no page of a Stack Exchange question: it marks up no question")
    head = title.text(deep=True).strip()
    created = _attribute(tree.css_first("[itemprop=dateCreated]"), "datetime")
    answers = [one for one in tree.css("[data-answerid]") if _text(one)]
    accepted, best = _accepted(answers), min(answers, key=_rank, default=None)
    read = of_fields(1, {
        "id": _attribute(question, "data-questionid"),
        "question": f"{_MARK.sub('', head)}\n\n{body}",
        "solution": _text(accepted) or _text(best) or None,
        "url": f"https://{site}/q/{_attribute(question, 'data-questionid')}",
        "licence": licence(created, _attribute(_share(question), "data-se-share-sheet-license-name")),
    })  # fmt: skip
    if read.fault:
        return read
    about = {
        "tags": [one.text(deep=True).strip() for one in question.css("a.post-tag")],
        "score": _number(question, "data-score"),
        "created": created,
        "closed": mark[1] if (mark := _MARK.search(head)) else None,
        "accepted_answer": _number(accepted, "data-answerid"),
        "best_answer": _number(best, "data-answerid"),
        "best_answer_score": _number(best, "data-score"),
    }
    told = {name: value for name, value in about.items() if value not in (None, "", [])}
    said = text_of(_text(accepted) or _text(best)) or None
    return replace(read, fields={**read.fields, "solution": said, "about": told})


def _text(post: LexborNode | None) -> str:
    """The HTML that somebody wrote: without the site's notices, and without what a browser would run."""
    text = post.css_first("[itemprop=text]") if post else None
    if text is None:
        return ""
    for node in text.css(_NO_PART):
        node.decompose()
    return (text.inner_html or "").strip()


def _accepted(answers: Sequence[LexborNode]) -> LexborNode | None:
    return next((one for one in answers if _attribute(one, "itemprop") == "acceptedAnswer"), None)


def _rank(answer: LexborNode) -> tuple[int, int]:
    """Sorts the best answer first: by its score, of equal ones the older."""
    return -(_number(answer, "data-score") or 0), _number(answer, "data-answerid") or 0


def _share(post: LexborNode) -> LexborNode | None:
    return post.css_first("[data-se-share-sheet-license-name]")


def _attribute(node: LexborNode | None, name: str) -> str:
    return (node.attributes.get(name) or "") if node else ""


def _number(node: LexborNode | None, name: str) -> int | None:
    value = _attribute(node, name)
    return int(value) if re.fullmatch(r"-?[0-9]{1,15}", value) else None
