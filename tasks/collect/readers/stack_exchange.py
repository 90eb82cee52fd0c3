"""Posts.xml of a Stack Exchange data dump: each question with its accepted and its best answer.

The dump has one `<row .../>` a line, an answer anywhere after its question. It is read as a stream into a table on
disk, which joins the two, so memory does not grow with the dump. A document type, and with it every entity, is
refused. A line that is no XML is a fault of its own; those after it are read.

Licences by date: https://stackoverflow.com/help/licensing. Newer dumps name a post's own, which counts first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from tasks.collect.readers.record import Record, of_fields
from tasks.errors import SourceError

LONGEST_LINE = 16 * 2**20
_QUESTION, _ANSWER = "1", "2"
_PERIODS = (("2018-05-02", "CC-BY-SA-4.0"), ("2011-04-08", "CC-BY-SA-3.0"), ("", "CC-BY-SA-2.5"))
_TABLES = """
    create table question (line integer, id text unique, fields text);
    create table answer (id integer primary key, question text, score integer, body text);
"""
_JOINED = """
    select line, fields, accepted.id, accepted.body, best.id, best.score, best.body from question
    left join answer accepted on accepted.id = json_extract(fields, '$.accepted')
    left join answer best on best.id = (
        select id from answer where question = question.id order by score desc, id limit 1)
    order by line
"""


class _Rows:
    """What the parser tells of: the attributes of each `row`, until they are taken."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "row":
            self.found.append(dict(attributes))

    def end(self, tag: str) -> None:
        pass

    def data(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> list[dict[str, str]]:
        found, self.found = self.found, []
        return found


def licence(created: str, named: str = "") -> str:
    """The SPDX name of a post's licence, from what the dump names or from its day (ISO 8601, UTC).

    >>> licence("2011-04-07T23:59:59.999"), licence("2018-05-01T12:00:00"), licence("2010-01-01", "CC BY-SA 4.0")
    ('CC-BY-SA-2.5', 'CC-BY-SA-3.0', 'CC-BY-SA-4.0')
    """
    return named.replace(" ", "-", 1).replace(" ", "-") or next(name for since, name in _PERIODS if created >= since)


def records(file: IO[bytes], site: str) -> Iterator[Record]:
    """Every question, in the order of the dump: fields question (title and body, HTML as posted), solution (the
    accepted answer, else the best), id, url, licence, and `about`: tags, score, day, and the answers it came from.

    Raises `SourceError` if the file is no such dump, or has a document type.
    """
    with closing(sqlite3.connect("")) as table:  # a temporary file of SQLite's own
        table.executescript(_TABLES)
        yield from _fill(table, file)
        table.execute("create index best on answer (question, score desc, id)")
        for line, fields, *answers in table.execute(_JOINED):
            yield _record(line, json.loads(fields), answers, site)


def _fill(table: sqlite3.Connection, file: IO[bytes]) -> Iterator[Record]:
    """Put questions and answers into the table; gives what cannot be read."""
    for line, found in _posts(file):
        if isinstance(found, Record):
            yield found
            continue
        try:
            if found.get("PostTypeId") == _QUESTION:
                table.execute("insert into question values (?, ?, ?)", (line, found["Id"], _kept(found)))
            elif found.get("PostTypeId") == _ANSWER:
                values = (int(found["Id"]), found["ParentId"], int(found.get("Score", 0)), found["Body"])
                table.execute("insert into answer values (?, ?, ?, ?)", values)
        except (KeyError, ValueError, sqlite3.IntegrityError) as fault:
            words = f"no {fault}" if isinstance(fault, KeyError) else str(fault)
            yield Record(number=line, raw=json.dumps(found, sort_keys=True).encode(), fault=f"post: {words}")


def _posts(file: IO[bytes]) -> Iterator[tuple[int, Record | Mapping[str, str]]]:
    """(line, attributes) of each row, or what cannot be read."""
    rows = _Rows()
    parser = DefusedXMLParser(target=rows, forbid_dtd=True)
    number, any_row = 0, False
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise SourceError(f"line {number} has more than {LONGEST_LINE} bytes: this is no Posts.xml")
        try:
            parser.feed(line)
        except DefusedXmlException as fault:
            raise SourceError(f"line {number} has a document type or an entity, which a dump has not") from fault
        except ParseError as fault:
            rows.taken()
            yield number, Record(number=number, raw=line.strip(), fault=f"not XML: {fault}")
            parser = DefusedXMLParser(target=rows, forbid_dtd=True)
            parser.feed(b"<posts>")
        for found in rows.taken():
            any_row = True
            yield number, found
    if not any_row:
        raise SourceError("it has no <row>: give Posts.xml of a Stack Exchange data dump, or its 7z archive")


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


def _record(line: int, post: dict[str, Any], answers: list[Any], site: str) -> Record:
    accepted, accepted_body, best, best_score, best_body = answers
    about = {name: post[name] for name in ("tags", "score", "created", "closed")}
    about |= {"accepted_answer": accepted, "best_answer": best, "best_answer_score": best_score}
    read = of_fields(line, {
        "id": post["id"],
        "question": post["question"],
        "solution": accepted_body or best_body,
        "url": f"https://{site}/q/{post['id']}",
        "licence": post["licence"],
    })  # fmt: skip
    if read.fault:
        return read
    told = {name: value for name, value in about.items() if value not in (None, "", [""])}
    return replace(read, fields={**read.fields, "about": told})  # votes change daily, and are no part of its identity
