"""Whether label changes show in Google's deltas: checked by the echo of our own first one, never believed.

Where the echo does not come, the source is marked, and its members are read from the groups from then on.
"""

from __future__ import annotations

from typing import Any

from syncd.core.contact import Instant, Record, Side
from syncd.core.delta import digest
from syncd.core.ports import Page
from syncd.engine.run import MICRO, Run

HOLD_OFF = 900 * MICRO
"""How long an echo may take, by Google's clock."""
FEW = 20
"""Moves that are looked for; the first one that shows is proof."""

SHOWN = "labels_in_delta"
BY_LIST = "members_by_list"
AWAITED = "labels_awaited"


def await_echo(run: Run, now: Instant) -> None:
    """After the first group changes of this source: remember which, and when by Google's clock.

    Contacts that were also rewritten prove nothing, for they show anyway.
    """
    moves = {i: move for i, move in run.moved.items() if i not in run.rewritten}
    facts = run.store.source(run.google.id, Side.GOOGLE).facts
    if moves and not facts.keys() & {SHOWN, BY_LIST, AWAITED}:
        few = {i: list(move) for i, move in list(moves.items())[:FEW]}
        run.store.note(run.google.id, {AWAITED: {"at": now, "moves": few}})
    run.moved.clear()
    run.rewritten.clear()


class Echo:
    """What is looked for in one reading of Google's changes; nothing where no echo is awaited."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._awaited: dict[str, Any] = run.store.source(run.google.id, Side.GOOGLE).facts.get(AWAITED) or {}
        self._shown = False

    def look(self, page: Page) -> None:
        """Called with each page before the mirror knows of it."""
        for record in page.records if self._awaited and not self._shown else ():
            self._shown = self._shows(record)

    def _shows(self, record: Record) -> bool:
        """The record is told again although only its groups have changed, and tells of the change."""
        move = self._awaited["moves"].get(record.id)
        if move is None or (move[0] in (record.scopes or ())) is not move[1]:
            return False
        stored = self._run.store.bodies(self._run.google.id, [record.id]).get(record.id)
        return stored is not None and digest(stored) == digest(record)

    def judge(self, now: Instant, *, full: bool) -> None:
        """After the reading. One that read everything proves nothing, and the next group change begins anew."""
        if not self._awaited:
            return
        waited = now - self._awaited["at"]
        told: dict[str, Any] = {}
        if full:
            told = {AWAITED: None}
        elif self._shown:
            told = {AWAITED: None, SHOWN: True}
        elif waited >= HOLD_OFF:
            told = {AWAITED: None, BY_LIST: True}
            self._run.tell("SY115", waited=waited // MICRO)
        if told:
            self._run.store.note(self._run.google.id, told)
