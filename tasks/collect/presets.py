"""Known sources: where they lie, which column holds what, their licence, and the filter that DeepMath-103K used."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PRESETS = Path(__file__).with_name("presets.yaml")


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """Fields of a source by the preset's name."""
    known: Mapping[str, Mapping[str, Any]] = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    return known


def filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """A source's fields with those of its preset beneath them. Raises `ValueError` naming the nearest preset.

    A source that says where it lies itself keeps the rest of the preset; a `hub` without an id only adds to the
    preset's.
    """
    name = given.get("preset")
    if name is None:
        return dict(given)
    if name not in presets():
        near = difflib.get_close_matches(str(name), presets(), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(presets())}"
        raise ValueError(f"no preset {name!r}; {hint}")
    beneath = dict(presets()[name])
    hub = given.get("hub")
    if isinstance(hub, Mapping) and "id" not in hub:
        return {**beneath, **given, "hub": {**beneath["hub"], **hub}}
    if given.get("path") or hub:
        beneath.pop("hub", None)
    return {**beneath, **given}
