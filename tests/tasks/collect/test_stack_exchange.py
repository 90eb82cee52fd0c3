"""A data dump in miniature, in the real schema of Posts.xml: questions with their answers, tags and licences."""

import gzip
import io
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import py7zr
import pytest

from tasks import world
from tasks.collect.opening import rows
from tasks.collect.readers.stack_exchange import licence, records
from tasks.collect.source import RawRow, Rows, Source
from tasks.collect.task import collect
from tasks.errors import SourceError
from tasks.rows import manifest as manifests
from tasks.world import Where

HEAD = '<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n'


def post(**attributes: Any) -> str:
    written = " ".join(f"{name}={quoteattr(str(value))}" for name, value in attributes.items())
    return f"  <row {written} />\r\n".replace("\n\n", "&#xA;&#xA;")


def question(number: int, created: str, **more: Any) -> str:
    own = {"Id": number, "PostTypeId": 1, "CreationDate": created, "Score": number, "ViewCount": 9}
    body = f"<p>Find $x$ if $x+{number} < 9$.</p>"
    texts = {"Body": body, "OwnerUserId": 7, "Title": f"How big is x & {number}?", "Tags": "<algebra><inequality>"}
    return post(**own, **texts, **more)


def answer(number: int, parent: int, score: int, body: str) -> str:
    own = {"Id": number, "PostTypeId": 2, "ParentId": parent, "CreationDate": "2011-01-01T00:00:00.000"}
    return post(**own, Score=score, Body=body)


DUMP = (
    HEAD
    + question(1, "2010-07-20T19:09:27.200", AcceptedAnswerId=4)
    + question(2, "2013-02-01T10:00:00.000", ContentLicense="CC BY-SA 3.0")
    + question(3, "2013-02-01T10:00:00.000")
    + answer(4, 1, 2, r"<p>So the answer is $\boxed{x<8}$.</p>")
    + answer(5, 1, 9, r"<p>$\boxed{\text{wrong}}$</p>")
    + answer(6, 2, 1, r"<p>$\boxed{1}$</p>")
    + answer(7, 2, 3, r"<p>$\boxed{x<7}$</p>")
    + question(8, "2024-05-05T05:05:05.000", ClosedDate="2024-05-06T00:00:00.000")
    + post(Id=9, PostTypeId=5, CreationDate="2012-01-01T00:00:00.000", Body="a tag wiki")
    + "</posts>"
)


def read(text: str) -> list[RawRow]:
    posts = records(io.BytesIO(text.encode()), "math.stackexchange.com")
    return list(Rows(Source(name="mse", path="Posts.xml")).of("Posts.xml", posts))


def test_questions_come_with_their_answers_tags_and_licences() -> None:
    one, two, three, closed = read(DUMP)
    assert one.question == "How big is x & 1?\n\n<p>Find $x$ if $x+1 < 9$.</p>"
    assert [row.answer for row in (one, two, three)] == ["x<8", "x<7", None]  # accepted; best; none
    assert [row.licence for row in (one, two, three, closed)] == [
        "CC-BY-SA-2.5", "CC-BY-SA-3.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
    ]  # fmt: skip
    assert (one.source_id, one.url) == ("1", "https://math.stackexchange.com/q/1")
    assert json.loads(str(one.about)) == {
        "tags": ["algebra", "inequality"], "score": 1, "created": "2010-07-20T19:09:27.200",
        "accepted_answer": 4, "best_answer": 5, "best_answer_score": 9,
    }  # fmt: skip
    assert json.loads(str(closed.about))["closed"] == "2024-05-06T00:00:00.000"


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2011-04-07T23:59:59.999", "CC-BY-SA-2.5"),
        ("2011-04-08T00:00:00.000", "CC-BY-SA-3.0"),
        ("2018-05-01T23:59:59.999", "CC-BY-SA-3.0"),
        ("2018-05-02T00:00:00.000", "CC-BY-SA-4.0"),
        ("", "CC-BY-SA-2.5"),
    ],
)
def test_a_licence_goes_by_the_day_of_the_post(created: str, expected: str) -> None:
    assert licence(created) == expected
    assert licence(created, "CC BY-SA 4.0") == "CC-BY-SA-4.0"


def test_bad_rows_are_told_of_with_their_line_and_the_others_are_read() -> None:
    lines = DUMP.splitlines(keepends=True)
    lines[3] = "  <row Id=2 PostTypeId>\r\n"
    lines[4] = post(Id=3, PostTypeId=1, CreationDate="2013-02-01T10:00:00.000")
    lines.insert(5, post(Id="x", PostTypeId=2, ParentId=1, Body="b"))
    found = read("".join(lines))
    assert [row.source_id for row in found if not row.fault] == ["1", "8"]
    assert [(row.locator, str(row.fault)[:12]) for row in found if row.fault] == [
        ("Posts.xml:4", "not XML: not"), ("Posts.xml:5", "post: no 'Bo"), ("Posts.xml:6", "post: invali"),
    ]  # fmt: skip


def test_a_dump_without_line_breaks_is_read_too() -> None:
    assert [row.source_id for row in read(DUMP.replace("\r\n", ""))] == ["1", "2", "3", "8"]


BOMB = '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><posts><row Body="&b;"/></posts>'
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><posts><row Body="&a;"/></posts>'
)


@pytest.mark.parametrize(
    ("data", "fault"), [(BOMB, "document type"), (OUTSIDE, "document type"), (HEAD + "</posts>", "no <row>")]
)
def test_what_is_no_dump_is_refused(data: str, fault: str) -> None:
    with pytest.raises(SourceError, match=fault):
        read(data)


def archive(path: Path, **members: bytes) -> None:
    with py7zr.SevenZipFile(path, "w") as written:
        for name, data in members.items():
            written.writestr(data, name.replace("_", "."))


def test_an_archive_is_unpacked_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "math.stackexchange.com.7z"
    archive(path, Badges_xml=b"<badges/>", Posts_xml=DUMP.encode(), Users_xml=b"<users/>")
    assert list(rows(Source(name="mse", path=str(path)))) == [
        RawRow(**{**{name: getattr(row, name) for name in RawRow.__slots__},
                  "locator": row.locator.replace("Posts.xml", path.name)})
        for row in read(DUMP)
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["none there", "no archive", "cut", "flipped"])
def test_a_damaged_archive_stops_before_anything_is_written(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "dump.7z"
    archive(path, **({"Users_xml": b"<users/>"} if damage == "none there" else {"Posts_xml": DUMP.encode() * 50}))
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 3] ^= 255
    path.write_bytes({"no archive": b"PK not 7z", "cut": data[:-30]}.get(damage, data))
    with pytest.raises(SourceError, match=r"dump\.7z"):
        collect.fn([Source(name="mse", path=str(path))], Where(root=str(tmp_path / "root"), run="r"))
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<p>The answer is <span class="math-container">$3$</span>.</p>\n<p>Hope it helps.</p>', "$3$"),
        (r"<p>So <b>the answer</b> is $\boxed{x&lt;8}$</p>", "x<8"),
        ("<div>" * 40_000 + r"$\boxed{5}$", "5"),
    ],
)
def test_an_answer_is_read_from_what_the_post_says_not_from_its_mark_up(body: str, said: str) -> None:
    (one, *_) = read(HEAD + question(1, "2010-07-20") + answer(4, 1, 2, body) + "</posts>")
    assert one.answer == said


LINKS = """<?xml version="1.0" encoding="utf-8"?>
<postlinks>
  <row Id="1" CreationDate="2010-07-21T00:00:00.000" PostId="1" RelatedPostId="8" LinkTypeId="1" />
  <row Id="2" CreationDate="2010-07-21T00:00:00.000" PostId="1" RelatedPostId="3" LinkTypeId="1" />
  <row Id="3" CreationDate="2010-07-21T00:00:00.000" PostId="1" RelatedPostId="3" LinkTypeId="1" />
  <row Id="4" CreationDate="2010-07-21T00:00:00.000" PostId="8" RelatedPostId="2" LinkTypeId="3" />
  <row Id="5" CreationDate="2010-07-21T00:00:00.000" PostId="99" RelatedPostId="2" LinkTypeId="3" />
</postlinks>"""


@pytest.mark.parametrize("kind", ["beside", "compressed", "archive"])
def test_links_and_duplicates_are_told_where_the_dump_has_them(tmp_path: Path, kind: str) -> None:
    if kind == "archive":
        path = tmp_path / "dump.7z"
        archive(path, PostLinks_xml=LINKS.encode(), Posts_xml=DUMP.encode())
    else:
        ending = ".gz" if kind == "compressed" else ""
        path = tmp_path / f"Posts.xml{ending}"
        for name, text in (("Posts.xml", DUMP), ("PostLinks.xml", LINKS)):
            data = text.encode()
            (tmp_path / f"{name}{ending}").write_bytes(gzip.compress(data) if ending else data)
    found = list(rows(Source(name="mse", path=str(path))))
    abouts = {row.source_id: json.loads(str(row.about)) for row in found}
    assert (abouts["1"]["links"], abouts["8"]["duplicate_of"]) == ([3, 8], [2])
    assert not {"links", "duplicate_of"} & set(abouts["2"])
    bare = read(DUMP)
    assert [row.row_id for row in found] == [row.row_id for row in bare]  # links are no part of a row's identity


def test_a_bad_link_is_told_of_and_the_posts_are_read(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(DUMP, encoding="utf-8", newline="")
    bad = LINKS.replace('PostId="1" RelatedPostId="8"', "PostId=").replace('RelatedPostId="2" LinkTypeId="3"', "", 1)
    (tmp_path / "PostLinks.xml").write_text(bad, encoding="utf-8")
    found = list(rows(Source(name="mse", path=str(tmp_path / "Posts.xml"))))
    assert [row.source_id for row in found if not row.fault] == ["1", "2", "3", "8"]
    assert [str(row.fault)[:23] for row in found if row.fault] == [
        "PostLinks.xml: not XML:",
        "PostLinks.xml: no 'Link",
    ]
    (tmp_path / "PostLinks.xml").write_text(BOMB, encoding="utf-8")
    with pytest.raises(SourceError, match="document type"):
        list(rows(Source(name="mse", path=str(tmp_path / "Posts.xml"))))


def test_a_question_that_is_linked_to_everything_keeps_a_thousand(tmp_path: Path) -> None:
    (tmp_path / "Posts.xml").write_text(DUMP, encoding="utf-8", newline="")
    many = "".join(f'<row PostId="1" RelatedPostId="{n}" LinkTypeId="1"/>\n' for n in range(3000, 0, -1))
    (tmp_path / "PostLinks.xml").write_text(f"<postlinks>\n{many}</postlinks>", encoding="utf-8")
    (first, *_) = rows(Source(name="mse", path=str(tmp_path / "Posts.xml")))
    assert json.loads(str(first.about))["links"] == list(range(1, 1001))


def test_votes_of_another_month_make_no_new_rows(tmp_path: Path) -> None:
    where = Where(root=str(tmp_path / "root"), run="r")
    source = Source(name="mse", path=str(tmp_path / "Posts.xml"))
    (tmp_path / "Posts.xml").write_text(DUMP, encoding="utf-8", newline="")
    (first,) = collect.fn([source], where)
    later = DUMP.replace('Score="3"', 'Score="33"').replace("</posts>", question(10, "2026-01-01") + "</posts>")
    (tmp_path / "Posts.xml").write_text(later, encoding="utf-8", newline="")
    again, second = collect.fn([source], where)
    assert again == first
    assert manifests.read(world.storage(where.root), second, "problems")["source_id"].to_list() == ["10"]
