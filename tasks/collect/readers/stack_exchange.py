"""A Stack Exchange data dump: each question of Posts.xml with its accepted and its best answer, and with what
PostLinks.xml links it to.

The dump has an answer anywhere after its question, and links in a file of their own. Both files are read as streams
into a table on disk, which joins them, so memory does not grow with the dump.

Licences by date: https://stackoverflow.com/help/licensing. Newer dumps name a post's own, which counts first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import IO, Any

from tasks.collect.readers.dump_rows import attributes
from tasks.collect.readers.html_text import text_of
from tasks.collect.readers.record import Record, of_fields
from tasks.errors import SourceError

_QUESTION, _ANSWER = "1", "2"
_KINDS = {"linked": "1", "duplicate": "3"}
_MOST_LINKS = 1000  # of a kind that are kept of one question
_PERIODS = (("2018-05-02", "CC-BY-SA-4.0"), ("2011-04-08", "CC-BY-SA-3.0"), ("", "CC-BY-SA-2.5"))
_TABLES = """
    create table question (line integer, id text unique, fields text);
    create table answer (id integer primary key, question text, score integer, body text);
    create table link (question text, kind text, other integer, unique (question, kind, other));
"""
_JOINED = """
    select line, fields, accepted.id, accepted.body, best.id, best.score, best.body,
        (select json_group_array(other) from (
            select other from link where question = question.id and kind = :duplicate order by other limit :most)),
        (select json_group_array(other) from (
            select other from link where question = question.id and kind = :linked order by other limit :most))
    from question
    left join answer accepted on accepted.id = json_extract(fields, '$.accepted')
    left join answer best on best.id = (
        select id from answer where question = question.id order by score desc, id limit 1)
    order by line
"""


def licence(created: str, named: str = "") -> str:
    """The SPDX name of a post's licence, from what the dump names or from its day (ISO 8601, UTC).

    >>> licence("2011-04-07T23:59:59.999"), licence("2018-05-01T12:00:00"), licence("2010-01-01", "CC BY-SA 4.0")
    ('CC-BY-SA-2.5', 'CC-BY-SA-3.0', 'CC-BY-SA-4.0')
    """
    return named.replace(" ", "-", 1).replace(" ", "-") or next(name for since, name in _PERIODS if created >= since)


def records(file: IO[bytes], site: str, links: IO[bytes] | None = None) -> Iterator[Record]:
    """Every question, in the order of the dump: fields question (title and body, HTML as posted), solution (the
    accepted answer, else the best, as text), id, url, licence, and `about`: tags, score, day, the answers it came
    from, and with `links` (PostLinks.xml) the ids of the questions it is a duplicate of and of those it names.

    Raises `SourceError` if a file is none of a dump, or has a document type.
    """
    with closing(sqlite3.connect("")) as table:  # a temporary file of SQLite's own
        table.executescript(_TABLES)
        yield from _fill(table, file)
        yield from _link(table, links) if links else ()
        table.execute("create index best on answer (question, score desc, id)")
        for line, fields, *joined in table.execute(_JOINED, {**_KINDS, "most": _MOST_LINKS}):
            yield _record(line, json.loads(fields), joined, site)


def _fill(table: sqlite3.Connection, file: IO[bytes]) -> Iterator[Record]:
    """Put questions and answers into the table; gives what cannot be read."""
    any_row = False
    for line, found in attributes(file, "posts"):
        if isinstance(found, Record):
            yield found
            continue
        any_row = True
        try:
            if found.get("PostTypeId") == _QUESTION:
                table.execute("insert into question values (?, ?, ?)", (line, found["Id"], _kept(found)))
            elif found.get("PostTypeId") == _ANSWER:
                values = (int(found["Id"]), found["ParentId"], int(found.get("Score", 0)), found["Body"])
                table.execute("insert into answer values (?, ?, ?, ?)", values)
        except (KeyError, ValueError, sqlite3.IntegrityError, OverflowError) as fault:
            words = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
            yield Record(number=line, raw=json.dumps(found, sort_keys=True).encode(), fault=f"post: {words}")
    if not any_row:
        raise SourceError("it has no <row>: give Posts.xml of a Stack Exchange data dump, or its 7z archive")


def _link(table: sqlite3.Connection, file: IO[bytes]) -> Iterator[Record]:
    """Put links into the table; gives what cannot be read."""
    for line, found in attributes(file, "postlinks"):
        if isinstance(found, Record):
            yield replace(found, fault=f"PostLinks.xml: {found.fault}")
            continue
        try:
            if found["LinkTypeId"] in _KINDS.values():
                values = (found["PostId"], found["LinkTypeId"], int(found["RelatedPostId"]))
                table.execute("insert or ignore into link values (?, ?, ?)", values)
        except (KeyError, ValueError, OverflowError) as fault:
            words = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
            raw = json.dumps(found, sort_keys=True).encode()
            yield Record(number=line, raw=raw, fault=f"PostLinks.xml: {words}")


def _kept(post: Mapping[str, str]) -> str:
    """What of a question is kept until its answers are known, as JSON."""
    created = post.get("CreationDate", "")
    return json.dumps({
        "id": post["Id"],
        "question": f"{post['Title']}\n\n{post['Body']}" if post.get("Title") else post["Body"],
        "licence": licence(created, post.get("ContentLicense", "")),
        "accepted": post.get("AcceptedAnswerId"),
        "tags": post.get("Tags", "").strip("<>|").replace("><", "|").split("|"),
        "score": int(post.get("Score", 0)),
        "created": created,
        "closed": post.get("ClosedDate"),
    })  # fmt: skip


def _record(line: int, post: dict[str, Any], joined: list[Any], site: str) -> Record:
    accepted, accepted_body, best, best_score, best_body, duplicate_of, linked = joined
    about = {name: post[name] for name in ("tags", "score", "created", "closed")}
    about |= {"accepted_answer": accepted, "best_answer": best, "best_answer_score": best_score}
    about |= {"duplicate_of": json.loads(duplicate_of), "links": json.loads(linked)}
    read = of_fields(line, {
        "id": post["id"],
        "question": post["question"],
        "solution": accepted_body or best_body,
        "url": f"https://{site}/q/{post['id']}",
        "licence": post["licence"],
    })  # fmt: skip
    if read.fault:
        return read
    told = {name: value for name, value in about.items() if value not in (None, "", [""], [])}
    said = text_of(accepted_body or best_body or "") or None
    # Votes change daily, and are no part of its identity; nor is how the solution is read.
    return replace(read, fields={**read.fields, "solution": said, "about": told})
