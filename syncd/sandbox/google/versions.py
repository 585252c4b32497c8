"""Who changed when, and what it looked like: the memory behind stale reads, deltas and consistent pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from syncd.sandbox.google.normalise import Items
from syncd.sandbox.google.problems import Json

V = TypeVar("V")


class Journal:
    """One numbered entry per change of one user's contacts (or groups); number 0 is "before everything"."""

    def __init__(self) -> None:
        self._at: list[float] = []
        self._who: list[int] = []  # 0: a change that no delta shows

    def __len__(self) -> int:
        return len(self._at)

    def record(self, at: float, who: int) -> int:
        """Note a change and return its number. Times never run backwards here, whatever the clock does."""
        self._at.append(max(at, self._at[-1]) if self._at else at)
        self._who.append(who)
        return len(self._at)

    def seen(self, now: float, delay: float) -> int:
        """The number of the last change a reader sees who is `delay` seconds late."""
        return len(self._at) if delay <= 0 else bisect_right(self._at, now - delay)

    def changed(self, after: int, upto: int) -> list[int]:
        """Who changed in between, each once, in the order of the last change."""
        return list(reversed(dict.fromkeys(w for w in reversed(self._who[after:upto]) if w)))


class Trail(Generic[V]):
    """The states of one record, the latest last; old ones are forgotten once no late reader can want them."""

    __slots__ = ("_states", "born")

    def __init__(self, number: int, state: V) -> None:
        self.born = number
        self._states: list[tuple[int, V]] = [(number, state)]

    @property
    def latest(self) -> V:
        return self._states[-1][1]

    def add(self, number: int, state: V, needed_from: int) -> None:
        """A new state; what was replaced before change `needed_from` is dropped."""
        self._states.append((number, state))
        keep = 0
        while keep + 1 < len(self._states) and self._states[keep + 1][0] <= needed_from:
            keep += 1
        del self._states[:keep]

    def seen(self, number: int) -> V | None:
        """The state after change `number`; None when the record was not there yet."""
        if number < self.born:
            return None
        for at, state in reversed(self._states):
            if at <= number:
                return state
        return self._states[0][1]


@dataclass(frozen=True, slots=True)
class Profile:
    """What a linked Google account adds to a contact when the PROFILE source is read."""

    id: str
    fields: Mapping[str, Items]


@dataclass(frozen=True, slots=True)
class Version:
    """A contact at one moment. `fields` holds items without metadata and is never changed in place."""

    name: str
    etag: str
    stamp: int  # microseconds since 1970
    fields: Mapping[str, Items]
    labels: tuple[str, ...]
    deleted: bool = False
    photo: str | None = None
    profile: Profile | None = None

    @property
    def update_time(self) -> str:
        return rfc3339(self.stamp)


@dataclass(frozen=True, slots=True)
class GroupVersion:
    """A contact group at one moment, without its members."""

    name: str
    etag: str
    stamp: int
    client_data: tuple[Json, ...] = ()
    deleted: bool = False


def rfc3339(stamp: int) -> str:
    """Microseconds since 1970 as Google writes them."""
    seconds, micros = divmod(stamp, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06d}Z"


class Stamps:
    """Strictly increasing microseconds, so that no two versions of one user share an updateTime."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: float) -> int:
        self._last = max(self._last + 1, int(now * 1_000_000))
        return self._last
