"""When the next run is due: pure arithmetic on the phase of an account, its failures, and what a server asked for."""

from __future__ import annotations

import hashlib
import math

LONGEST = 3600.0
"""Seconds: failures make the way to the next try no longer than this (or than the interval, where that is longer)."""
SLOW = 3600.0
"""Seconds between tries while a person is needed: cheap enough to notice by ourselves that it was mended."""
NEVER = 253_402_300_799.0
"""The last second of the year 9999: not due until somebody makes it so."""
CATCH_UP = 600.0
"""Seconds: what is overdue after a pause starts within this time, or within one interval where that is shorter."""


def phase(name: str, interval: float) -> float:
    """Seconds into each interval at which `name` starts: even over all names, the same on every machine."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 * interval


def grid_point(name: str, interval: float, after: float) -> float:
    """The first start of `name` later than `after`. Starts never drift: they are counted from 1970."""
    offset = phase(name, interval)
    point = (math.floor((after - offset) / interval) + 1) * interval + offset
    return point if point > after else point + interval


def next_delay(interval: float, failures: int) -> float:
    """Seconds until the next try: the interval, doubled for each failure up to an hour."""
    return max(interval, min(interval * 2.0 ** min(failures, 12), LONGEST))


def next_due(name: str, interval: float, now: float, failures: int = 0, floor: float = 0.0) -> float:
    """The start that follows a run which ended `now`. `floor`: seconds that a server, a breaker or a person needs."""
    patience = next_delay(interval, failures) - interval
    return grid_point(name, interval, now + max(patience, floor))


def caught_up(name: str, interval: float, now: float) -> float:
    """When an overdue start is made up for, where too many are overdue to start all at once."""
    return now + phase(name, min(interval, CATCH_UP))
