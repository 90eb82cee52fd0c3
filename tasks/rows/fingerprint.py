"""Canonical JSON and digests: what a key or a fingerprint is made of. Pure.

A value without a stable serial form raises `UnstableValue` instead of being turned into some string: a key
that changes by itself repays, and a key that fails to change returns an old answer to a new question.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel

from tasks.errors import UnstableValue

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _plain(value: Any, path: str) -> Any:
    """`value` as JSON types only, or `UnstableValue` naming the path of the offender.

    Every request goes through here, so the types that JSON itself has come first.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE or (kind is float and math.isfinite(value)):
        return value
    if kind is not dict and kind is not list and kind is not tuple:
        return _plain_other(value, path)
    if kind is dict:
        if not all(type(name) is str for name in value):
            raise UnstableValue(f"{path}: mapping keys must be strings")
        return {
            name: inner if type(inner) in _AS_THEY_ARE else _plain(inner, f"{path}.{name}")
            for name, inner in value.items()
        }
    return [inner if type(inner) in _AS_THEY_ARE else _plain(inner, f"{path}[{i}]") for i, inner in enumerate(value)]


def _plain_other(value: Any, path: str) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, path)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnstableValue(f"{path}: {value} has no JSON form")
        return value
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), f"{path}.{name}") for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name), f"{path}.{f.name}") for f in fields(value)}
    if isinstance(value, Mapping):
        return _plain(dict(value), path)
    if isinstance(value, list | tuple):
        return _plain(list(value), path)
    raise UnstableValue(f"{path}: a {type(value).__name__} has no stable serial form; use JSON types")


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, no white space, UTF-8 kept as it is.

    Accepts None, bool, int, finite float, str, enums of these, lists, tuples, mappings with string keys,
    dataclasses and pydantic models. Raises `UnstableValue` for everything else.
    """
    return _ENCODE(_plain(value, "value"))


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, as 64 hex digits."""
    return digest_bytes(canonical_json(value).encode("utf-8", "surrogatepass"))


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
