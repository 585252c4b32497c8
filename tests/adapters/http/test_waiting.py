"""Retry-After, back-off and the narrowing of clock samples: pure."""

from __future__ import annotations

import random

import pytest

from adapters.http import DRIFT, backoff, is_loopback, narrowed, retry_after
from syncd.core.ports import ClockSample

NOW = 1_795_305_600.0  # Sun, 22 Nov 2026 00:00:00 GMT
DATE = "Sun, 22 Nov 2026 00:00:00 GMT"
LATER = "Sun, 22 Nov 2026 00:01:30 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999"}, 86_400.0),
        ({"retry-after": LATER}, 90.0),
        ({"retry-after": DATE, "date": LATER}, 0.0),
        ({"retry-after": LATER, "date": DATE}, 90.0),
        ({"retry-after": LATER, "date": "nonsense"}, 90.0),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, or a date by the server's own clock; nonsense is no wish."""
    assert retry_after(headers, NOW) == expected


def test_back_off_has_full_jitter_and_a_cap() -> None:
    """From nothing up to 1, 2, 4 … 32 seconds; two clients do not meet again."""
    rng = random.Random(1)
    for attempt, ceiling in enumerate((1, 2, 4, 8, 16, 32, 32, 32)):
        waits = [backoff(attempt, rng) for _ in range(300)]
        assert 0 <= min(waits) < ceiling * 0.05
        assert ceiling * 0.95 < max(waits) <= ceiling


def test_samples_that_agree_narrow_and_drift_widens() -> None:
    """The old sample is widened by 50 ppm of its age before the two are intersected."""
    old, fresh = ClockSample(0.0, 1.0, 0.0), ClockSample(0.5, 1.5, 1000.0)
    assert narrowed(None, fresh) == fresh
    assert narrowed(old, fresh) == ClockSample(0.5, 1.0 + 1000 * DRIFT, 1000.0)


def test_sample_that_contradicts_replaces() -> None:
    """A clock was set: what was known before is forgotten."""
    fresh = ClockSample(100.0, 101.0, 10.0)
    assert narrowed(ClockSample(0.0, 1.0, 0.0), fresh) == fresh


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    """Names and literals."""
    assert is_loopback(host) is expected
