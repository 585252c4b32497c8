"""Laws of the merge that hold for any two records."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.contact import Field, Instant, Record, Side, Unit, base_of
from syncd.core.delta import SINGLE, said
from syncd.core.fields import canon, is_blank, project
from syncd.core.later import across
from syncd.core.merge import Arm, merge
from syncd.core.policy import FirstLink, Offset
from syncd.core.settle import carry
from syncd.core.step import Change
from tests.core.model import (
    CRM,
    GOOGLE,
    LENS,
    SECOND,
    address,
    applied,
    birthday,
    crm,
    email,
    google,
    job,
    merged,
    name,
    notes,
    phone,
    policy,
)

UNITS = st.one_of(
    st.builds(name, st.sampled_from(("Ann", "Eve", "Łucja")), st.sampled_from(("", "Lee"))),
    st.builds(job, st.sampled_from(("", "Acme", "Bolt")), st.sampled_from(("CEO", "CTO"))),
    st.builds(birthday, st.sampled_from(("1990", "1991")), st.just("5"), st.sampled_from(("1", "2"))),
    st.builds(notes, st.text(min_size=1, max_size=5)),
    st.builds(email, st.sampled_from(("a@x.lv", "A@X.lv", "b@x.lv", "c@x.lv", "d@x.lv"))),
    st.builds(
        phone, st.sampled_from(("67111222", "+37167111222", "67333444", "26555666")), st.sampled_from(("work", "home"))
    ),
    st.builds(address, st.sampled_from(("Main 1", "Main 2")), st.sampled_from(("Riga", ""))),
)


def _distinct(units: list[Unit]) -> list[Unit]:
    """One unit a single field; elements as they come, but not the very same twice."""
    found: dict[object, Unit] = {}
    for unit in units:
        found[unit.field if unit.field in SINGLE else said(unit)] = unit
    return list(found.values())


CONTENT = st.lists(UNITS, max_size=7).map(_distinct)
ROWED = CONTENT.map(
    lambda units: [u if u.field in SINGLE else msgspec.structs.replace(u, native=f"r{i}") for i, u in enumerate(units)]
)


def _said(record: Record) -> set[object]:
    return {(u.field, canon(u, "LV")) for u in record.units if not is_blank(u)}


@given(ROWED, CONTENT)
def test_equal_contents_are_silent_whatever_the_bases(units: list[Unit], before: list[Unit]) -> None:
    """merge(b, x, x): both say the same, so nobody is told anything."""
    bases = base_of(crm(*before)), base_of(google(*before))
    result = merge(Arm(crm(*units), bases[0]), Arm(google(*_bare(units)), bases[1]), policy())
    assert [
        c for c in (*result.crm, *result.google) if c.old is None or c.new is None or c.old.value != c.new.value
    ] == []


@given(ROWED)
def test_unchanged_records_are_silent(units: list[Unit]) -> None:
    """merge(b, b, b): and no base at all changes nothing about that."""
    pair = crm(*units), google(*_bare(units))
    assert merged(pair, pair).crm == merged(pair, pair).google == ()
    assert merged(None, pair).crm == merged(None, pair).google == ()


@given(ROWED, CONTENT, st.sampled_from(list(Side)))
def test_change_of_one_side_arrives_whole_at_the_other(units: list[Unit], new: list[Unit], editor: Side) -> None:
    """merge(b, b, x): the other side says x afterwards, but for a name that was emptied."""
    was = crm(*units), google(*_bare(units))
    now = (crm(*new), was[1]) if editor is Side.CRM else (was[0], google(*new))
    result = merged(was, now)
    assert result.conflicts == ()
    told = editor.other
    assert (result.crm if editor is Side.CRM else result.google) == ()
    changes = result.google if editor is Side.CRM else result.crm
    after = applied(now[1] if told is Side.GOOGLE else now[0], changes, told, Instant(1), itertools.count())
    expected = _said(now[0] if editor is Side.CRM else now[1])
    kept = {s for s in _said(was[0]) if s[0] is Field.NAME and not any(e[0] is Field.NAME for e in expected)}  # type: ignore[index]
    assert _said(after) == expected | kept


@given(ROWED, CONTENT, CONTENT)
def test_sides_may_be_exchanged(base: list[Unit], here: list[Unit], there: list[Unit]) -> None:
    """The merge prefers no side but where the rules name one."""
    units = _bare(base)
    was = crm(*units), google(*units)
    now = crm(*here, stamp=300), google(*there, stamp=200)
    plain = policy(lens=msgspec.structs.replace(LENS, crm=GOOGLE, google=GOOGLE), first_link=FirstLink.CRM)
    turned = msgspec.structs.replace(plain, tie=Side.GOOGLE, first_link=FirstLink.GOOGLE)
    one = merged(was, now, plain)
    back = (google(*units), crm(*units)), (google(*here, stamp=300), crm(*there, stamp=200))
    other = merged((back[0][1], back[0][0]), (back[1][1], back[1][0]), turned)
    assert _texts(one.crm) == _texts(other.google)
    assert _texts(one.google) == _texts(other.crm)


@given(ROWED, ROWED, CONTENT, st.randoms())
def test_order_of_what_is_given_means_nothing(
    base: list[Unit], here: list[Unit], there: list[Unit], dice: random.Random
) -> None:
    """Shuffled units give the same changes in the same order."""

    def shuffled(units: list[Unit]) -> list[Unit]:
        return dice.sample(units, len(units))

    plain = merged((crm(*base), google(*_bare(base))), (crm(*here, stamp=300), google(*there)))
    mixed = merged(
        (crm(*shuffled(base)), google(*shuffled(_bare(base)))),
        (crm(*shuffled(here), stamp=300), google(*shuffled(there))),
    )
    assert plain == mixed


@given(ROWED, ROWED, CONTENT, st.sampled_from([100, 200, 300]))
def test_nothing_vanishes_that_nobody_removed(
    base: list[Unit], here: list[Unit], there: list[Unit], stamp: int
) -> None:
    """Whatever is written over is in `old` as that side held it, and what both changed is a named conflict."""
    was = crm(*base), google(*_bare(base))
    now = crm(*here, stamp=stamp), google(*there, stamp=200)
    result = merged(was, now)
    for side, record, changes in ((Side.CRM, now[0], result.crm), (Side.GOOGLE, now[1], result.google)):
        after = applied(record, changes, side, Instant(1), itertools.count(50))
        lost = _said(record) - _said(after)
        named = {(c.field, canon(c.old, "LV")) for c in changes if c.old}
        assert lost <= named
        conflicts = {(c.field, canon(c.lost, "LV")) for c in result.conflicts if c.lost}
        completed = {(c.field, canon(c.old, "LV")) for c in changes if c.old and _completes(c)}
        assert lost - _said(was[0]) <= conflicts | completed


@given(ROWED, ROWED, CONTENT, st.sampled_from([100, 200, 300]))
def test_applied_then_planned_again_is_silent(
    base: list[Unit], here: list[Unit], there: list[Unit], stamp: int
) -> None:
    """After the changes both sides agree, with or without the bases renewed."""
    was = crm(*base), google(*_bare(base))
    now = crm(*here, stamp=stamp), google(*there, stamp=200)
    result = merged(was, now)
    after = (
        applied(now[0], result.crm, Side.CRM, Instant(1), itertools.count(50)),
        applied(now[1], result.google, Side.GOOGLE, Instant(1), itertools.count(50)),
    )
    again = merged(after, after)
    assert again.crm == again.google == ()
    lists = [f for f in (Field.EMAIL, Field.PHONE) if f not in SINGLE]
    for field in lists:
        assert {s for s in _said(after[0]) if s[0] is field} == {s for s in _said(after[1]) if s[0] is field}  # type: ignore[index]


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(-86_400, 86_400), st.integers(0, 30))
def test_final_value_of_a_conflict_is_the_later_one(crm_at: int, google_at: int, skew: int, doubt: int) -> None:
    """With clocks a day apart, the edit that was truly later wins wherever the clocks can tell."""
    start = 1_000_000
    was = crm(notes("Hi")), google(notes("Hi"))
    now = crm(notes("C"), stamp=start + crm_at + skew), google(notes("G"), stamp=start + google_at)
    rules = policy(offset=Offset((skew - doubt) * SECOND, (skew + doubt) * SECOND))
    winner = merged(was, now, rules).conflicts[0].winner
    if abs(crm_at - google_at) > max(doubt, 1):
        assert winner is (Side.CRM if crm_at > google_at else Side.GOOGLE)
    else:
        assert winner is Side.CRM


@given(
    st.permutations([0, 1, 2]),
    st.lists(st.integers(0, 2), min_size=6, max_size=12),
    st.lists(st.integers(-3600, 3600), min_size=3, max_size=3),
)
def test_value_shared_by_several_accounts_ends_as_the_latest_edit(
    edited: list[int], runs: list[int], skews: list[int]
) -> None:
    """A carried value keeps the time of the edit it came from: any number of links, any order of runs."""
    base = crm(notes("Hi"), stamp=10_000), google(notes("Hi"), stamp=10_000)
    shared, mirrors = base[0], [base[1]] * 3
    bases = [(base_of(base[0]), base_of(base[1]))] * 3
    for when, account in enumerate(edited):
        stamp = 20_000 + 100 * when - skews[account]
        mirrors[account] = google(notes(f"edit {when}"), stamp=stamp)
    for account in (*runs, 0, 1, 2, 0, 1, 2):
        offset = Offset(skews[account] * SECOND, skews[account] * SECOND)
        arms = Arm(shared, bases[account][0]), Arm(mirrors[account], bases[account][1])
        result = merge(*arms, policy(offset=offset))
        crm_at, google_at = Instant(90_000 * SECOND), Instant((90_000 - skews[account]) * SECOND)
        here = applied(shared, result.crm, Side.CRM, crm_at, itertools.count(50))
        there = applied(mirrors[account], result.google, Side.GOOGLE, google_at, itertools.count(50))
        shared = carry(here, shared, result.crm, Side.CRM, offset)
        mirrors[account] = carry(there, mirrors[account], result.google, Side.GOOGLE, offset)
        bases[account] = base_of(shared), base_of(mirrors[account])
    assert [r.units[0].value for r in (shared, *mirrors)] == [("edit 2",)] * 4


@given(UNITS, st.sampled_from([CRM, GOOGLE]))
def test_projecting_twice_is_projecting_once(unit: Unit, caps: object) -> None:
    """What a side holds, it can hold."""
    once = project(unit, caps)  # type: ignore[arg-type]
    assert once is None or project(once, caps) == once  # type: ignore[arg-type]


@pytest.mark.parametrize("to", list(Side), ids=str)
def test_moment_carried_across_and_back_is_the_same(to: Side) -> None:
    """The offset's middle is taken off on the way and added on the way back."""
    offset = Offset(3, 8)
    assert across(across(Instant(1000), to, offset), to.other, offset) == 1000


def _bare(units: list[Unit]) -> list[Unit]:
    return [msgspec.structs.replace(u, native="") for u in units]


def _completes(change: Change) -> bool:
    """Every part that was there is there still."""
    assert change.old
    return change.new is not None and all(o in ("", n) for o, n in zip(change.old.value, change.new.value, strict=True))


def _texts(changes: tuple[Change, ...]) -> list[tuple[object, object]]:
    return [(c.old and (c.old.value, c.old.label), c.new and (c.new.value, c.new.label)) for c in changes]
