"""A long life of one contact on two sides: any edits, then syncd, then nothing more to say."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from syncd.core.contact import Field, Side, Unit
from syncd.core.delta import SINGLE
from syncd.core.fields import canon, project
from tests.core.model import CRM, Pair, address, birthday, email, job, name, notes, phone, url

SIDES = st.sampled_from(list(Side))
PHONES = ("+371 67 111 222", "67111222", "+371 67 333 444", "26 555 666", "112")
LABELS = {
    Field.EMAIL: ("", "work", "Yacht"),
    Field.PHONE: ("mobile", "work", "Yacht", "other"),
    Field.ADDRESS: ("work", "home", "Yacht"),
    Field.URL: ("homePage", "blog", "facebook"),
    Field.IM: ("skype", "icq"),
}
ELEMENTS = st.one_of(
    st.builds(email, st.sampled_from(("a@x.lv", "A@x.lv", "b@x.lv", "c@x.lv")), st.sampled_from(LABELS[Field.EMAIL])),
    st.builds(phone, st.sampled_from(PHONES), st.sampled_from(LABELS[Field.PHONE])),
    st.builds(url, st.sampled_from(("x.lv", "http://x.lv/", "y.lv")), st.sampled_from(LABELS[Field.URL])),
    st.builds(
        lambda s, c, label: address(s, c, label=label),
        st.sampled_from(("Main 1", "Main 2")),
        st.sampled_from(("", "Riga", "Atlantis")),
        st.sampled_from(LABELS[Field.ADDRESS]),
    ),
    st.builds(lambda v, label: Unit(Field.IM, (v,), label), st.just("ann"), st.sampled_from(LABELS[Field.IM])),
)
SCALARS = st.one_of(
    st.builds(name, st.sampled_from(("Ann", "Anna")), st.sampled_from(("Lee", "Low"))),
    st.builds(job, st.sampled_from(("", "Acme", "Nowhere Ltd")), st.sampled_from(("", "CEO", "CTO"))),
    st.builds(birthday, st.sampled_from(("", "1990")), st.just("5"), st.sampled_from(("1", "2"))),
    st.builds(notes, st.sampled_from(("Hi", "<p>Hi</p>", "Bye"))),
)


class Lives(RuleBasedStateMachine):
    """Users edit either side at will."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.synced = True

    def _held(self, side: Side, unit: Unit) -> bool:
        """What a user can type there at all."""
        return side is Side.GOOGLE or project(unit, CRM) == unit or unit.label == "facebook"

    @rule(side=SIDES, unit=ELEMENTS)
    def add(self, side: Side, unit: Unit) -> None:
        if self._held(side, unit):
            self._edit(side, [*self.pair.units(side), unit])

    @rule(side=SIDES, unit=SCALARS)
    def put(self, side: Side, unit: Unit) -> None:
        if self._held(side, unit):
            self._edit(side, [*(u for u in self.pair.units(side) if u.field is not unit.field), unit])

    @rule(side=SIDES, field=st.sampled_from((Field.JOB, Field.BIRTHDAY, Field.NOTES)))
    def clear(self, side: Side, field: Field) -> None:
        self._edit(side, [u for u in self.pair.units(side) if u.field is not field])

    @rule(side=SIDES, which=st.integers(0, 9))
    def remove(self, side: Side, which: int) -> None:
        gone = self._pick(side, which)
        self._edit(side, [u for u in self.pair.units(side) if u is not gone])

    @rule(side=SIDES, which=st.integers(0, 9), unit=ELEMENTS)
    def retype(self, side: Side, which: int, unit: Unit) -> None:
        old = self._pick(side, which)
        if old is not None and old.field is unit.field:
            new = msgspec.structs.replace(old, value=unit.value)
            if self._held(side, new):
                self._edit(side, [new if u is old else u for u in self.pair.units(side)])

    @rule(side=SIDES, which=st.integers(0, 9), label=st.integers(0, 3))
    def relabel(self, side: Side, which: int, label: int) -> None:
        old = self._pick(side, which)
        if old is not None:
            labels = LABELS[old.field]
            new = msgspec.structs.replace(old, label=labels[label % len(labels)])
            if self._held(side, new):
                self._edit(side, [new if u is old else u for u in self.pair.units(side)])

    @rule()
    def sync(self) -> None:
        """After one run, another has nothing to write: not now, and not when the echo was read."""
        self.pair.sync()
        again = self.pair.sync()
        assert not again.writes, again
        assert self.pair.base == {Side.CRM: None, Side.GOOGLE: None}
        self.synced = True

    @invariant()
    def equal_under_projection(self) -> None:
        """What the CRM can hold of Google's contact, it holds; and nothing that Google has not."""
        if not self.synced:
            return
        for field in (Field.EMAIL, Field.PHONE, Field.IM, Field.URL):
            there = self.pair.units(Side.GOOGLE, field)
            here = {canon(u, "LV") for u in self.pair.units(Side.CRM, field) if project(u, CRM)}
            held = {canon(p, "LV") for u in there if (p := project(u, CRM))}
            assert held <= here | {canon(u, "LV") for u in self.pair.units(Side.CRM, field)}, field
            assert here <= {canon(u, "LV") for u in there}, field
        for field in (Field.NAME, Field.NOTES):
            assert self._said(Side.CRM, field) == self._said(Side.GOOGLE, field)

    def _said(self, side: Side, field: Field) -> list[tuple[str, ...]]:
        return [canon(u, "LV") for u in self.pair.units(side, field)]

    def _pick(self, side: Side, which: int) -> Unit | None:
        lists = sorted((u for u in self.pair.units(side) if u.field not in SINGLE), key=lambda u: (u.field, u.value))
        return lists[which % len(lists)] if lists else None

    def _edit(self, side: Side, units: list[Unit]) -> None:
        self.pair.edit(side, list(_once(units)))
        self.synced = False


def _once(units: list[Unit]) -> Iterator[Unit]:
    """A user does not type the very same thing twice (different spellings of one value may well stand there twice)."""
    seen: set[tuple[object, ...]] = set()
    for unit in units:
        key = (unit.field, unit.value, unit.label)
        if key not in seen:
            seen.add(key)
            yield unit


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=300, stateful_step_count=25)
