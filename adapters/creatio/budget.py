"""How much goes into one batch: a budget that follows the server's pace, and parts cut into batches by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from adapters.creatio.client import BATCH_PARTS
from adapters.creatio.parts import Part

AIM: Final = 30.0
"""Seconds that a batch should take; the server gives up after 120."""

FIRST_BUDGET: Final = 50
LEAST_BUDGET: Final = 10
MOST_PARTS: Final = BATCH_PARTS - 10
"""The rest is kept free for the read-back."""


@dataclass
class Budget:
    """How many parts a batch may have: grows and shrinks with the time that batches take."""

    parts: int = FIRST_BUDGET

    def learn(self, sent: int, seconds: float) -> None:
        if seconds > AIM:
            self.parts = max(LEAST_BUDGET, int(self.parts * AIM / seconds))
        elif seconds < AIM / 3 and sent * 2 > self.parts:
            self.parts = min(MOST_PARTS, self.parts * 2)

    def shrink(self) -> None:
        self.parts = max(LEAST_BUDGET, self.parts // 2)


def batches_of(parts: Sequence[Part], room: int) -> Iterator[list[Part]]:
    """The parts in batches. A group is torn only where it alone is too big, and then into groups of its own."""
    batch: list[Part] = []
    for _, same in groupby(parts, key=lambda part: part.group):
        group = list(same)
        if batch and len(batch) + len(group) > room:
            yield batch
            batch = []
        while len(batch) + len(group) > room:
            yield [replace(part, group=f"{part.group}-{len(group)}" if part.group else "") for part in group[:room]]
            group = group[room:]
        batch += group
    if batch:
        yield batch
