"""Whole lives, at random: what users do on both sides, runs, kills and lost cursors; in the end both sides agree.

Every text a user enters is unlike any other, so that it can be said of each what became of it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from adapters.memory import Memory
from syncd.core.contact import AccountName, Field, RecordId, Side, Unit
from syncd.core.policy import Limit, Limits
from syncd.core.step import LinkState
from syncd.engine.report import RunOutcome
from syncd.engine.run import LEASE
from tests.engine.conftest import MEMORY
from tests.engine.test_crash import Countdown, Killed, steps_counted
from tests.engine.world import World, email, name, notes, phone

ANNA = AccountName("anna")
SIDES = st.sampled_from(list(Side))
WHICH = st.integers(0, 99)
NO_LIMITS = Limits(leavers=Limit(10_000, 1.0), changed=Limit(10_000, 1.0), emptied=Limit(10_000, 1.0))
"""Lives are small and wild: what the brake would say of them is tested elsewhere."""


class Lives(RuleBasedStateMachine):
    """`entered` are the texts that users wrote and did not take back themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.entered: set[str] = set()
        self.people: Counter[str] = Counter()

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.world = World(Path(self.folder.name), limits=NO_LIMITS)
        self.world.google.clock = self.world.crm.clock
        self.world.sync()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.judge()
        finally:
            self.world.store.close()
            self.folder.cleanup()

    # ------------------------------------------------------------------------------------------ as users

    def memory(self, side: Side) -> Memory:
        return self.world.crm if side is Side.CRM else self.world.google

    def member(self, side: Side, which: int) -> RecordId | None:
        scope = self.world.tag if side is Side.CRM else self.world.group
        ids = sorted(self.memory(side).members[scope])
        return ids[which % len(ids)] if ids else None

    def text(self, word: str) -> str:
        self.number += 1
        told = f"{word}{self.number}"
        self.entered.add(told)
        return told

    @rule(side=SIDES)
    def add(self, side: Side) -> None:
        """A contact of a new person, in scope."""
        who = self.text("Person")
        units = (name(who, "Family"), email(f"{who}@x.example".lower()))
        self.people[who] += 1
        (self.world.tagged if side is Side.CRM else self.world.grouped)(*units)

    @rule()
    def add_to_both(self) -> None:
        """The same new person on both sides."""
        who = self.text("Person")
        units = (name(who, "Family"), email(f"{who}@x.example".lower()))
        self.people[who] += 1
        self.world.tagged(*units)
        self.world.grouped(*units)

    @rule(side=SIDES, which=WHICH)
    def note(self, side: Side, which: int) -> None:
        """A note is written over, whatever it said."""
        record = self.member(side, which)
        if record is not None:
            self.replace(side, record, Field.NOTES, notes(self.text("note")))

    @rule(side=SIDES, which=WHICH)
    def add_phone(self, side: Side, which: int) -> None:
        """One phone more."""
        record = self.member(side, which)
        if record is not None:
            self.number += 1
            number = f"+1202555{self.number:04}"
            self.entered.add(number)
            memory = self.memory(side)
            memory.edit(record, *memory.records[record].units, phone(number))

    @rule(side=SIDES, which=WHICH)
    def drop_phones(self, side: Side, which: int) -> None:
        """All phones are taken away, by the user's own will."""
        record = self.member(side, which)
        if record is not None:
            self.replace(side, record, Field.PHONE)

    def replace(self, side: Side, record: RecordId, field: Field, *new: Unit) -> None:
        memory = self.memory(side)
        old = memory.records[record].units
        self.entered -= {part for unit in old if unit.field is field for part in unit.value}
        memory.edit(record, *(unit for unit in old if unit.field is not field), *new)

    @rule(side=SIDES, which=WHICH)
    def leave(self, side: Side, which: int) -> None:
        """Untagged, or taken out of the group."""
        record = self.member(side, which)
        if record is not None:
            self.memory(side).part(record, self.world.tag if side is Side.CRM else self.world.group)

    @rule(side=SIDES, which=WHICH)
    def come_back(self, side: Side, which: int) -> None:
        """Any contact is tagged, or moved into the group."""
        memory, scope = self.memory(side), self.world.tag if side is Side.CRM else self.world.group
        outside = sorted(memory.records.keys() - memory.members[scope].keys())
        if outside:
            memory.join(outside[which % len(outside)], scope)

    @rule(side=SIDES, which=WHICH)
    def delete(self, side: Side, which: int) -> None:
        """The contact itself is deleted: what stood on it alone went by the user's own will."""
        record = self.member(side, which)
        if record is not None:
            memory = self.memory(side)
            self.entered -= {part for unit in memory.records[record].units for part in unit.value}
            memory.remove(record)

    @rule(side=SIDES, which=WHICH)
    def merge(self, side: Side, which: int) -> None:
        """Two contacts of one side become one that has the lists of both."""
        memory = self.memory(side)
        kept, gone = self.member(side, which), self.member(side, which + 1)
        if kept is None or gone is None or kept == gone:
            return
        lists = [u for u in memory.records[gone].units if u.field in (Field.EMAIL, Field.PHONE)]
        self.entered -= {p for u in memory.records[gone].units if u not in lists for p in u.value}
        memory.remove(gone)
        fresh = [Unit(u.field, u.value, u.label) for u in lists]
        memory.edit(kept, *memory.records[kept].units, *fresh)

    # ------------------------------------------------------------------------------------------ as time goes by

    @rule()
    def sync(self) -> None:
        """One run."""
        assert self.world.sync().outcome is RunOutcome.OK

    @rule(at=st.integers(1, 120))
    def killed(self, at: int) -> None:
        """The process dies at some durable step of a run, or a moment after it."""
        try:
            with steps_counted(self.world, Countdown(at)):
                self.world.sync()
        except Killed:
            self.world.restart()
            self.time_passes()

    @rule(side=SIDES)
    def forget(self, side: Side) -> None:
        """A cursor expires."""
        self.memory(side).forget_cursors()

    def time_passes(self) -> None:
        """Past the dead run's lease, and past the hold-off of creates without an answer."""
        self.world.now += LEASE + 1_000
        self.world.crm.clock = self.world.google.clock = self.world.later(self.world.crm.clock)

    # ------------------------------------------------------------------------------------------ in the end

    def judge(self) -> None:
        """Silence after three runs at most; linked contacts equal; nothing lost but to the history; nobody twice."""
        self.time_passes()
        for _ in range(3):
            self.sync()
        self.world.expect_silence()
        self.no_pair_differs()
        self.nothing_is_lost()
        self.nobody_is_there_twice()

    def no_pair_differs(self) -> None:
        for case in self.world.store.cases(ANNA):
            link = case.link
            if link is None or link.state is not LinkState.LIVE or link.hold is not None:
                continue
            assert link.crm_id is not None
            assert link.google_id is not None
            said = (
                self.world.content(self.world.crm, link.crm_id),
                self.world.content(self.world.google, link.google_id),
            )
            assert said[0] == said[1]

    def nothing_is_lost(self) -> None:
        there = {
            part
            for memory in (self.world.crm, self.world.google)
            for record in memory.records.values()
            for unit in record.units
            for part in unit.value
        }
        told = self.world.store.history(ANNA, run=None, record=None, limit=100_000)
        kept = {part for row in told for unit in (row.old, row.new) if unit is not None for part in unit.value}
        assert not self.entered - there - kept

    def nobody_is_there_twice(self) -> None:
        for memory in (self.world.crm, self.world.google):
            seen = Counter(
                u.value[0] for r in memory.records.values() for u in r.units if u.field is Field.NAME and u.value[0]
            )
            twice = {who: number for who, number in seen.items() if number > self.people[who]}
            assert not twice, twice


Lives.TestCase.settings = settings(max_examples=12, stateful_step_count=15)
test_whole_lives = Lives.TestCase
