"""The breaker: leaves a side alone that fails again and again. Pure; `runs.py` keeps one for each account and side."""

from __future__ import annotations

from dataclasses import dataclass, replace

STREAK = 5
"""So many failures in a row open it."""
WINDOW = 20
"""Or more than half of so many runs."""
FIRST = 300.0
"""Seconds it stays open the first time; doubled with every try that fails."""
LONGEST = 6 * 3600.0
JITTER = 0.25
"""Up to this share longer, so that accounts that failed together do not come back together."""


@dataclass(frozen=True)
class Breaker:
    """`recent`: whether each of the last runs failed, newest last. `trips`: openings since it was last closed."""

    recent: tuple[bool, ...] = ()
    trips: int = 0
    open_until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds this side is left alone; 0 when a run (half-open: one try) may start."""
        return max(0.0, self.open_until - now)

    def failed(self, now: float, dice: float) -> Breaker:
        """After a failure. `dice` is in [0, 1)."""
        seen = replace(self, recent=(*self.recent, True)[-WINDOW:])
        if not (self.trips or seen.tripping):
            return seen
        lasting = min(FIRST * 2.0 ** min(self.trips, 12) * (1 + JITTER * dice), LONGEST)
        return replace(seen, trips=self.trips + 1, open_until=now + lasting)

    def succeeded(self) -> Breaker:
        """After a success: closed. What failed before still counts among the last runs, unless it had been open."""
        return Breaker() if self.trips else Breaker((*self.recent, False)[-WINDOW:])

    @property
    def tripping(self) -> bool:
        """Whether the last runs are reason enough to open."""
        streak = len(self.recent) >= STREAK and all(self.recent[-STREAK:])
        return streak or (len(self.recent) == WINDOW and sum(self.recent) * 2 > WINDOW)
