"""Streamed completions: events out of bytes, and one body out of events. Pure.

What is stored of a streamed reply is the completion that the server would have sent in one piece: the first chunk's
own fields, each text of the deltas joined in order, the last finish reason and usage, `"streamed": true`, as ASCII
JSON with sorted keys and no white space. `tasks.models.wire` reads it like any other.
"""

from __future__ import annotations

import json
from typing import Any

DONE = "[DONE]"


class BrokenStream(Exception):
    """The stream said that it failed, or says what nobody can read. Its text is the server's."""


class Events:
    """The data of server-sent events, from bytes as they come in."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, some: bytes) -> list[str]:
        """The data of each event that ended within `some`; comments and other fields are left out."""
        *lines, self._rest = (self._rest + some).split(b"\n")
        ended = []
        for line in lines:
            name, _, value = line.removesuffix(b"\r").decode("utf-8", "replace").partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
            elif not name and not value and self._data:
                ended.append("\n".join(self._data))
                self._data = []
        return ended


class Assembly:
    """A completion, put together from its chunks."""

    def __init__(self) -> None:
        self.done = False
        self._top: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._other: dict[str, Any] = {}
        self._finish_reason: str | None = None

    def add(self, data: str) -> bool:
        """Take an event's data; whether anything of the completion came with it. Raises `BrokenStream`."""
        if data.strip() == DONE:
            self.done = True
            return True
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError) as fault:
            raise BrokenStream(f"not JSON: {data[:300]}") from fault
        if not isinstance(chunk, dict) or chunk.get("error"):
            raise BrokenStream(data)
        usage = chunk.pop("usage", None)
        choices = chunk.pop("choices", None)
        self._top = {**chunk, **self._top, **({"usage": usage} if usage else {})}
        return bool(usage) | self._choice(choices[0] if isinstance(choices, list) and choices else None)

    def _choice(self, choice: Any) -> bool:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if not isinstance(delta, dict):
            return False
        texts = {name: value for name, value in delta.items() if isinstance(value, str) and name != "role"}
        for name, value in texts.items():
            self._texts.setdefault(name, []).append(value)
        self._other |= {name: value for name, value in delta.items() if name not in texts and value is not None}
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        return any(texts.values()) or bool(choice.get("finish_reason"))

    def body(self) -> str:
        """What is stored: the completion so far. In ASCII, so that halves of surrogate pairs find each other."""
        message = {"role": "assistant", "content": None, **self._other}
        message |= {name: "".join(parts) for name, parts in self._texts.items()}
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason}
        whole = {**self._top, "object": "chat.completion", "choices": [choice], "streamed": True}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))
