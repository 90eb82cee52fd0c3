"""The board of leases: what lies under `ledger/leases/`, and the few ways in which it changes.

    <number>.json          a lease: who holds which buckets, created once; the number is its fencing token
    <number>.beat-<n>      a sign of life of its holder; only the last one matters
    <number>.ended         over: given back by its holder, or taken over by whoever's name is in it
    <number>.floor         leases up to this number are over and tidied away

A lease is made by creating the next number. Creating succeeds for one only, and whoever creates a number has seen
all lower ones: so no two live leases overlap, and of two leases over a bucket the later has the higher number.
A number is never used again: whoever creates one that was tidied away, from a listing that was old, finds a floor
above it and gives it up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import count, takewhile

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import Absent, AlreadyExists, StorageError
from tasks.ledger.holders import Holder
from tasks.rows.storage import Storage

LEASES = "ledger/leases"
_NAME = re.compile(rf"{LEASES}/(\d{{10}})\.(json|ended|floor|beat-(\d+))")
_TIDY_AT = 64
"""So many leases that are over are tidied away at once."""
_LOOKS = 20


class Claim(BaseModel):
    """Which buckets somebody wants for himself: [low, high), whatever the intake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: str = Field(description="What for, in words: a stage and a shard")
    run: str
    intake: str
    low: int
    high: int

    def excludes(self, other: Claim) -> bool:
        """Whether both may not be held at once. The intakes of one run have no row in common."""
        apart = self.run == other.run and self.intake != other.intake
        return not apart and self.low < other.high and other.low < self.high


class Entry(BaseModel):
    """A lease as it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: Claim
    holder: Holder
    seconds: float = Field(gt=0, description="Without a sign of life for so long, it may be taken over")
    nonce: str = Field(description="Tells whose this is to a client that lost the answer to its create")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One look at the board."""

    leases: frozenset[int]
    ended: frozenset[int]
    beats: Mapping[int, int]
    floor: int

    @property
    def live(self) -> list[int]:
        """Numbers of leases that are not over."""
        return sorted(number for number in self.leases - self.ended if number > self.floor)

    @property
    def next(self) -> int:
        """The number that a new lease gets."""
        return max(self.leases | {self.floor}) + 1

    @property
    def is_whole(self) -> bool:
        """Whether no number is missing: a listing made while others write may have some of it and not the rest."""
        return len([number for number in self.leases if number > self.floor]) == self.next - 1 - self.floor

    @property
    def over(self) -> int:
        """Every lease up to this number is over."""
        return self.floor + sum(1 for _ in takewhile(lambda number: number in self.ended, count(self.floor + 1)))


def parse(names: Iterable[str]) -> Board:
    """A listing as a board."""
    leases: set[int] = set()
    ended: set[int] = set()
    floors = {0}
    beats: dict[int, int] = {}
    for found in filter(None, map(_NAME.fullmatch, names)):
        number, kind = int(found[1]), found[2]
        if kind.startswith("beat"):
            beats[number] = max(int(found[3]), beats.get(number, 0))
        else:
            {"json": leases, "ended": ended, "floor": floors}[kind].add(number)
    return Board(leases=frozenset(leases), ended=frozenset(ended), beats=beats, floor=max(floors))


def look(storage: Storage) -> Board:
    """The board as it is now. Raises `StorageError` if leases are missing from it."""
    for _ in range(_LOOKS):
        board = parse(storage.list(LEASES))
        if board.is_whole:
            return board
    raise StorageError(
        f"leases are missing under {storage.root}/{LEASES}. While nobody works on this root, delete that folder."
    )


def entries(storage: Storage, numbers: Collection[int]) -> dict[int, Entry]:
    """The leases of these numbers. Raises `Absent` if one was tidied away meanwhile."""
    found = storage.read_all([name(number, "json") for number in numbers])
    return {number: Entry.model_validate_json(found[name(number, "json")]) for number in numbers}


def take(storage: Storage, number: int, entry: Entry) -> bool:
    """Make a lease of this number; False if somebody else was faster."""
    try:
        storage.create(name(number, "json"), entry.model_dump_json().encode("utf-8"))
    except AlreadyExists:
        try:
            if entries(storage, [number])[number] != entry:
                return False
        except Absent:
            return False
    if look(storage).floor >= number:
        storage.delete(name(number, "json"))
        return False
    return True


def beat(storage: Storage, number: int, nth: int) -> None:
    """Sign of life number `nth` (from 1) of a lease; the one before it is taken down."""
    storage.put(name(number, f"beat-{nth:08d}"), b"alive")
    if nth > 1:
        storage.delete(name(number, f"beat-{nth - 1:08d}"))


def end(storage: Storage, number: int, why: str) -> None:
    """Note that a lease is over; if that is noted already, the first word stands."""
    try:
        storage.create(name(number, "ended"), why.encode("utf-8"))
    except AlreadyExists:
        return


def ending(storage: Storage, number: int) -> str | None:
    """Why a lease is over; None while it is not.

    The order matters: tidying takes the lease away before the note that it is over.
    """
    if storage.exists(name(number, "ended")):
        try:
            return storage.read(name(number, "ended")).decode("utf-8")
        except Absent:
            return "it is over and was tidied away"
    return None if storage.exists(name(number, "json")) else "it is over and was tidied away"


def tidy(storage: Storage, seen: Board) -> None:
    """Take away leases that are over, once there are many. Any number of processes may do it at once."""
    if seen.over - seen.floor < _TIDY_AT:
        return
    floor = seen.over
    storage.put(name(floor, "floor"), b"over")
    found = [(one, int(match[1]), match[2]) for one in storage.list(LEASES) if (match := _NAME.fullmatch(one))]
    for one, number, kind in sorted(found, key=lambda each: each[2] != "json"):
        if number < floor or (number == floor and kind != "floor"):
            storage.delete(one)


def name(number: int, kind: str) -> str:
    """Where a fact about a lease lies."""
    return f"{LEASES}/{number:010d}.{kind}"
