"""When a side is left alone."""

from __future__ import annotations

import pytest

from syncd.daemon.breaker import FIRST, LONGEST, Breaker

NOW = 1_800_000_000.0


def after(history: str, dice: float = 0.0) -> Breaker:
    """The breaker after these runs: `x` failed, `.` did not. Each failure comes when the one before is waited out."""
    breaker, now = Breaker(), NOW
    for mark in history:
        now = max(now, breaker.open_until)
        breaker = breaker.failed(now, dice) if mark == "x" else breaker.succeeded()
    return breaker


@pytest.mark.parametrize(
    ("history", "trips"),
    [
        ("", 0),
        ("xxxx", 0),
        ("xxxx.xxxx", 0),
        ("xxxxx", 1),
        (".xxxxx", 1),
        ("x.x.x.x.x.x.x.x.x.x.", 0),
        ("xx.x.x.x.x.x.x.x.x.x", 1),
        ("xxxxxx", 2),
        ("xxxxx.", 0),
        ("xxxxx.xxxx", 0),
    ],
)
def test_five_in_a_row_or_more_than_half_of_twenty_open_it(history: str, trips: int) -> None:
    """Nothing less does; once open every failed try opens it again, and a success closes it for good."""
    assert after(history).trips == trips


@pytest.mark.parametrize(
    ("tries", "lasting"), [(0, 300), (1, 600), (2, 1200), (6, 19_200), (7, LONGEST), (40, LONGEST)]
)
def test_each_failed_try_doubles_the_time_up_to_six_hours(tries: int, lasting: float) -> None:
    """5 min, 10 min, … 6 h."""
    breaker = after("xxxxx" + "x" * tries)
    opened = breaker.open_until - lasting
    assert breaker.wait(opened) == lasting
    assert breaker.wait(opened + lasting) == 0


def test_accounts_that_failed_together_come_back_apart() -> None:
    """The dice lengthen the time, by a quarter at most."""
    first, last = after("xxxxx", 0.0), after("xxxxx", 0.999)
    assert first.wait(NOW) == FIRST
    assert FIRST * 1.2 < last.wait(NOW) < FIRST * 1.25
