"""The journal: one line per reply, in the file before the reply is sent.

Each line is one `write` to a file opened for appending, so it outlives the process, however that ends (not
the machine: that would take an fsync per reply). A line torn by a full disk or a dead machine is skipped
when the file is read again. One process at a time writes a journal; counts are kept in memory.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

REPEATED_SHOWN = 100


class Line(BaseModel):
    """One reply that was served. `time` is UTC in ISO form, `microusd` whole micro-dollars.

    `lost` names the planned fault that kept the reply from being accepted, though it was made and charged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    time: str
    model: str
    body_sha256: str
    prompt_tokens: int
    completion_tokens: int
    microusd: int
    lost: str | None = None


def line(
    model: str,
    body: Mapping[str, Any],
    prompt_tokens: int,
    completion_tokens: int,
    microusd: int,
    lost: str | None = None,
) -> Line:
    """A line for a reply to `body`, as of now."""
    return Line(
        time=datetime.now(UTC).isoformat(timespec="microseconds"),
        model=model,
        body_sha256=body_sha256(body),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        microusd=microusd,
        lost=lost,
    )


def body_sha256(body: Mapping[str, Any]) -> str:
    """SHA-256 of a request body as JSON with sorted keys, no spaces and ASCII only."""
    return sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


@dataclass(slots=True)
class Tally:
    """Counts over lines; grows, never shrinks."""

    times: Counter[tuple[str, str]] = field(default_factory=Counter)
    microusd: Counter[str] = field(default_factory=Counter)

    def add(self, entry: Line) -> None:
        self.times[entry.model, entry.body_sha256] += 1
        self.microusd[entry.model] += entry.microusd

    def summary(self) -> dict[str, Any]:
        """`served` replies, `distinct` requests among them, and both with the charge for each model."""
        by_model = {
            model: {"served": 0, "distinct": 0, "microusd": charge} for model, charge in sorted(self.microusd.items())
        }
        for (model, _), times in self.times.items():
            by_model[model]["served"] += times
            by_model[model]["distinct"] += 1
        return {"served": self.times.total(), "distinct": len(self.times), "by_model": by_model}


class Journal:
    """An open journal file with its counts. Raises OSError when the file cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._all_time = Tally()
        self._this_process = Tally()
        for entry in read(path):
            self._all_time.add(entry)
        torn = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if torn:
            os.write(self._file, b"\n")

    def record(self, entry: Line) -> None:
        """Hand the line to the operating system, then count it."""
        data = entry.model_dump_json(exclude_none=True).encode() + b"\n"
        if os.write(self._file, data) != len(data):
            raise OSError("the journal's disk is full: a reply that is not on record is not sent")
        self._this_process.add(entry)
        self._all_time.add(entry)

    def report(self) -> dict[str, Any]:
        """What GET /journal answers."""
        often = [(times, *key) for key, times in self._all_time.times.items() if times > 1]
        often.sort(key=lambda found: (-found[0], found[1:]))
        return {
            "this_process": self._this_process.summary(),
            "all_time": self._all_time.summary(),
            "repeated": [
                {"model": model, "body_sha256": digest, "times": times}
                for times, model, digest in often[:REPEATED_SHOWN]
            ],
        }

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[Line]:
    """All whole lines of a journal file; [] where there is no file."""
    entries = []
    for raw in path.read_bytes().splitlines() if path.exists() else []:
        try:
            entries.append(Line.model_validate_json(raw))
        except ValidationError:
            continue
    return entries
