"""Digests are frozen: a golden value that changes here would orphan everything that was ever paid."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tasks.errors import UnstableValue
from tasks.rows.fingerprint import canonical_json, digest, digest_bytes


class Colour(StrEnum):
    RED = "red"


class Count(IntEnum):
    TWO = 2


@dataclass(frozen=True)
class Point:
    x: int
    y: float


class Settings(BaseModel):
    name: str
    points: tuple[Point, ...]


GOLDEN = {
    "mapping": (
        {"b": [1, 2.5, None, True], "a": {"é": "x\n∑", "z": ()}},
        '{"a":{"z":[],"é":"x\\n∑"},"b":[1,2.5,null,true]}',
        "2ac4769226c030b8eb203baa2f112745fd92007bc2036d749b2fb33c946447a2",
    ),
    "one": (1, "1", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"),
    "one_point_nought": (1.0, "1.0", "d0ff5974b6aa52cf562bea5921840c032a860a91a3512f7fe8f768f6bbe005f6"),
    "true": (True, "true", "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"),
    "nothing": (None, "null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
    "empty": ({}, "{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_digests(name: str) -> None:
    value, text, expected = GOLDEN[name]
    assert canonical_json(value) == text
    assert digest(value) == expected


def test_models_dataclasses_and_enums_are_their_values() -> None:
    settings = Settings(name="a", points=(Point(1, 2.0),))
    assert canonical_json({"s": settings, "c": Colour.RED, "n": Count.TWO}) == (
        '{"c":"red","n":2,"s":{"name":"a","points":[{"x":1,"y":2.0}]}}'
    )
    assert digest(settings) == digest({"points": [{"y": 2.0, "x": 1}], "name": "a"})


def test_a_whole_number_and_its_float_are_two_values() -> None:
    """Callers settle the type: a setting that is a float is declared as one, and pydantic makes it one."""
    assert len({digest(1), digest(1.0), digest(True), digest("1")}) == 4


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset(),
        b"bytes",
        bytearray(b"x"),
        float("nan"),
        float("inf"),
        -float("inf"),
        Path("x"),
        {1: "key is no string"},
        {Colour.RED: "key is no plain string"},
        {None: 1},
        object(),
        1j,
        Point,
        lambda: 1,
        (i for i in range(3)),
        {"a": 1}.keys(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_stable_form_raises_and_names_its_place(value: Any) -> None:
    with pytest.raises(UnstableValue):
        digest(value)
    with pytest.raises(UnstableValue, match=r"value\.settings\.deep\[1\]"):
        digest({"settings": {"deep": [0, value]}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@given(JSON, JSON)
def test_values_of_different_text_have_different_digests(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (canonical_json(one) == canonical_json(other))


def test_lone_surrogates_have_a_digest_of_their_own() -> None:
    assert digest("\ud800") != digest("\ud801")


def test_digest_of_bytes_is_sha256() -> None:
    assert digest_bytes(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
