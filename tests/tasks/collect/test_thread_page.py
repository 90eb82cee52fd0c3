"""A question's page in the mark-up that Stack Exchange serves gives the record that a dump has of the question."""

import io
import json
from pathlib import Path

import pytest

from tasks.collect.opening import rows
from tasks.collect.readers.record import Record
from tasks.collect.readers.thread_page import LONGEST_PAGE, MOST_TAGS, record
from tasks.collect.source import Source
from tasks.screen.markup import plain
from tests.tasks.collect.test_stack_exchange import DUMP, read

QUESTION = """
<div itemprop="mainEntity" itemscope itemtype="https://schema.org/Question">
  <div id="question-header" class="grid sm:fd-column">
    <h1 itemprop="name"><a href="/questions/1/how-big" class="question-hyperlink">{title}</a></h1>
  </div>
  <span>Asked</span> <time itemprop="dateCreated" datetime="2010-07-20T19:09:27">10 years ago</time>
  <div class="question" data-questionid="1" data-ownerid="7" data-score="1" id="question">
    <div class="js-vote-count" itemprop="upvoteCount" data-value="1">1</div>
    <div class="postcell post-layout--right">
      <div class="s-prose js-post-body" itemprop="text">{notice}
<p>Find $x$ if $x+1 &lt; 9$.</p>
      </div>
      <a href="/questions/tagged/algebra" class="post-tag" rel="tag">algebra</a>
      <a href="/questions/tagged/inequality" class="post-tag" rel="tag">inequality</a>
      <a href="/q/1" itemprop="url" class="js-share-link" {share}>Share</a>
      <span class="d-none" itemprop="name">The asker's name</span>
      <span class="comment-copy">The comment: it is $x&lt;8$.</span>
    </div>
  </div>
"""
ANSWER = """
<div id="answer-{id}" class="answer" data-answerid="{id}" data-score="{score}" itemprop="{kind}" itemscope
  itemtype="https://schema.org/Answer">
  <div class="s-prose js-post-body" itemprop="text">
{body}
  </div>
  <time itemprop="dateCreated" datetime="2011-01-01T00:00:00"></time>
  <a href="/a/{id}" itemprop="url" data-se-share-sheet-license-name="CC BY-SA 4.0">Share</a>
</div>
"""
NOTICE = """
  <aside class="s-notice s-notice__info js-post-notice mb16" role="status"><b>Closed</b>. This question needs details.
    <script>StackExchange.ready(function () {})</script></aside>
"""
RIGHT = ANSWER.format(id=4, score=2, kind="acceptedAnswer", body=r"<p>So the answer is $\boxed{x&lt;8}$.</p>")
WRONG = ANSWER.format(id=5, score=9, kind="suggestedAnswer", body=r"<p>$\boxed{\text{wrong}}$</p>")


def page(*answers: str, title: str = "How big is x &amp; 1?", notice: str = "", share: str = "") -> str:
    head = '<!DOCTYPE html><html itemscope itemtype="https://schema.org/QAPage"><head><title>x</title></head><body>'
    return head + QUESTION.format(title=title, notice=notice, share=share) + "".join(answers) + "</div></body></html>"


def of(text: str) -> Record:
    return record(io.BytesIO(text.encode()), "math.stackexchange.com")


def test_a_page_says_what_the_dump_says_of_its_question(tmp_path: Path) -> None:
    (tmp_path / "1.html").write_text(page(WRONG, RIGHT), encoding="utf-8")
    (found,) = rows(Source(name="mse", path=str(tmp_path / "*.html")))
    (dumped, *_) = read(DUMP.replace("&lt; 9", "&amp;lt; 9").replace("x&lt;8", "x&amp;lt;8"))  # as HTML spells it
    same = ("fault", "question", "answer", "source_id", "url", "licence")
    assert {name: getattr(found, name) for name in same} == {name: getattr(dumped, name) for name in same}
    told, expected = json.loads(str(found.about)), json.loads(str(dumped.about))
    assert told.pop("created") == expected.pop("created").removesuffix(".200")
    assert told == expected


def test_a_page_and_a_dump_with_the_same_text_are_one_row_whatever_the_votes() -> None:
    more = page(WRONG.replace('data-score="9"', 'data-score="90"'), RIGHT)
    assert of(more).raw == of(page(WRONG, RIGHT)).raw


def test_the_best_answer_stands_in_for_an_accepted_one_and_none_for_none() -> None:
    other = RIGHT.replace("acceptedAnswer", "suggestedAnswer")
    assert "wrong" in of(page(other, WRONG)).fields["solution"]
    alone = of(page())
    assert alone.fields["solution"] is None
    assert set(alone.fields["about"]) == {"tags", "score", "created"}


def test_a_post_names_its_licence_or_its_day_does() -> None:
    assert of(page(share='data-se-share-sheet-license-name="CC BY-SA 3.0"')).fields["licence"] == "CC-BY-SA-3.0"
    assert of(page(RIGHT)).fields["licence"] == "CC-BY-SA-2.5"


def test_what_the_site_and_its_readers_add_is_no_part_of_the_question() -> None:
    found = of(page(title="How big is x &amp; 1? [closed]", notice=NOTICE))
    assert plain(found.fields["question"]) == "How big is x & 1?\n\nFind $x$ if $x+1 < 9$."
    assert found.fields["about"]["closed"] == "closed"
    assert not {"script", "aside", "comment", "asker"} & set(found.fields["question"].split("<"))


HOSTILE = [
    b"",
    b"\xff\xfe\x00<",
    b"<html><h1 itemprop=name>x</h1></html>",
    page().replace('itemprop="text"', "").encode(),
    b"<div data-questionid=1>" + b"<div>" * MOST_TAGS,
    b"x" * (LONGEST_PAGE + 1),
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_page_of_a_question_is_a_fault(data: bytes) -> None:
    found = record(io.BytesIO(data), "math.stackexchange.com")
    assert found.fault
    assert found.fault.startswith(("no page of a Stack Exchange question", "the page has over"))
    assert not found.fields


def test_numbers_that_are_none_are_left_out() -> None:
    found = of(
        page(RIGHT).replace('data-score="1"', 'data-score="1e99"').replace('data-answerid="4"', 'data-answerid=""')
    )
    assert "score" not in found.fields["about"]
    assert "accepted_answer" not in found.fields["about"]
