"""When the next run is due."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.daemon.delays import LONGEST, caught_up, grid_point, next_delay, next_due, phase

NOW = 1_800_000_000.0
seconds = st.floats(min_value=0, max_value=4e9)
intervals = st.floats(min_value=1, max_value=1e6)


@pytest.mark.parametrize(
    ("interval", "failures", "expected"),
    [
        (300, 0, 300),
        (300, 1, 600),
        (300, 2, 1200),
        (300, 3, 2400),
        (300, 4, LONGEST),
        (300, 10_000, LONGEST),
        (1, 3, 8),
        (7200, 0, 7200),
        (7200, 5, 7200),
    ],
)
def test_failures_double_the_delay_up_to_an_hour(interval: float, failures: int, expected: float) -> None:
    """Each failure doubles the way to the next try; it never grows past an hour, nor shrinks below the interval."""
    assert next_delay(interval, failures) == expected


@given(name=st.text(), interval=intervals, after=seconds)
def test_a_start_lies_within_one_interval_after_the_moment(name: str, interval: float, after: float) -> None:
    """The next point of the grid is later than the moment, by one interval at most (rounding apart)."""
    assert 0 < grid_point(name, interval, after) - after <= interval * (1 + 1e-6) + 1e-3


def test_starts_of_one_account_never_drift() -> None:
    """From one start to the next it is exactly the interval, however late the runs end."""
    starts = [NOW]
    for lateness in (0.0, 12.5, 250.0, 299.0):
        starts.append(grid_point("anna", 300, starts[-1] + lateness))
    steps = {round(b - a, 3) for a, b in pairwise(starts[1:])}
    assert steps <= {300.0}


def test_accounts_spread_over_the_interval() -> None:
    """Of a thousand accounts, every tenth of the interval gets its share."""
    tenths = [0] * 10
    for number in range(1000):
        tenths[int(phase(f"account{number}", 300) // 30)] += 1
    assert min(tenths) > 60


def test_the_phase_is_the_same_on_every_machine() -> None:
    """It comes from the name alone, not from a hash that each process seeds anew."""
    assert phase("anna", 300) == pytest.approx(244.0633678)


@pytest.mark.parametrize("floor", [0.0, 45.0, 1000.0, 5000.0])
def test_the_servers_wish_is_a_floor(floor: float) -> None:
    """Never before `Retry-After` is over, and on the grid all the same."""
    due = next_due("anna", 300, NOW, 0, floor)
    assert NOW + floor < due <= NOW + floor + 300
    assert due == grid_point("anna", 300, due - 1)


def test_failures_and_the_servers_wish_together_take_the_later() -> None:
    """A short wish does not shorten the back-off."""
    assert next_due("anna", 300, NOW, 4, 5.0) == next_due("anna", 300, NOW, 4)


def test_overdue_accounts_are_spread_over_ten_minutes_at_most() -> None:
    """After a long pause with a long interval, nobody waits for more than ten minutes."""
    points = [caught_up(f"account{number}", 86_400, NOW) for number in range(200)]
    assert min(points) >= NOW
    assert max(points) < NOW + 600
