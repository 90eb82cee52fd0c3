"""The `<row .../>` elements of a Stack Exchange dump's file, one a line, as a stream. Pure.

A document type, and with it every entity, is refused. A line that is no XML is a fault of its own; those after it are
read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import IO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from tasks.collect.readers.record import Record
from tasks.errors import SourceError

LONGEST_LINE = 16 * 2**20


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


def attributes(file: IO[bytes], root: str) -> Iterator[tuple[int, Record | Mapping[str, str]]]:
    """(line, attributes) of each row in the element `root`, or the fault of a line that cannot be read.

    Raises `SourceError` if the file has a document type, or a line of more than 16 MiB.
    """
    rows = _Rows()
    parser = DefusedXMLParser(target=rows, forbid_dtd=True)
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise SourceError(f"line {number} has more than {LONGEST_LINE} bytes: this is no file of a dump")
        try:
            parser.feed(line)
        except DefusedXmlException as fault:
            raise SourceError(f"line {number} has a document type or an entity, which a dump has not") from fault
        except ParseError as fault:
            rows.taken()
            yield number, Record(number=number, raw=line.strip(), fault=f"not XML: {fault}")
            parser = DefusedXMLParser(target=rows, forbid_dtd=True)
            parser.feed(f"<{root}>")
        for found in rows.taken():
            yield number, found
