"""The brake: what is too much to do unasked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from syncd.core.contact import AccountName, RecordId, Side
from syncd.core.guard import Members, Surroundings, Tally, counts, damage_digest, dangerous, tally, verdict
from syncd.core.policy import Limit, Limits
from syncd.core.step import Case, Change, Link, LinkState, Presence, ScopeMove, Step, Why
from tests.core.model import birthday, crm, email, google, job, name, notes

ANN = name("Ann", "Lee")
LINK = Link(1, AccountName("a"), LinkState.LIVE, RecordId("c1"), RecordId("a1"), pairs=(0,))
UNITS = (ANN, email("a@x.lv"), email("b@x.lv"), notes("Hi"))
CASE = Case(Presence(crm(*UNITS), (0,)), Presence(google(*UNITS), (0,)), LINK)
LEAVES = Step(link=1, moves=(ScopeMove(Side.GOOGLE, 0, enter=False),))
RENAMES = Step(link=1, crm=(Change(ANN.field, ANN, name("Eve"), Why.CHANGED),), pairs=(0,))
EMPTIES = Step(link=1, google=(Change(UNITS[1].field, UNITS[1], None, Why.CHANGED),), pairs=(0,))
CLEARS = Step(link=1, google=(Change(UNITS[3].field, UNITS[3], None, Why.CHANGED),), pairs=(0,))
ADDS = Step(link=1, google=(Change(UNITS[1].field, None, email("c@x.lv"), Why.CHANGED),), pairs=(0,))


def counted(steps: Iterable[Step], case: Case = CASE) -> Tally:
    """The tally of these steps, all of cases like this."""
    total = Tally()
    for step in steps:
        total = tally(total, case, step)
    return total


def judged(steps: Iterable[Step], links: int = 1000, **around: Any) -> tuple[str, ...]:
    """The verdict by the default limits; every link has ten values."""
    surroundings = msgspec.structs.replace(Surroundings(links, values=10 * links, had_field={}), **around)
    return verdict(counted(steps), surroundings, Limits())


@pytest.mark.parametrize(
    ("step", "number", "links", "reasons"),
    [
        (LEAVES, 10, 20, ()),
        (LEAVES, 11, 20, ("leavers",)),
        (LEAVES, 100, 1000, ()),
        (LEAVES, 101, 1000, ("leavers",)),
        (RENAMES, 10, 12, ()),
        (RENAMES, 11, 12, ("changed",)),
        (RENAMES, 500, 1000, ()),
        (RENAMES, 501, 1000, ("changed",)),
        (EMPTIES, 10, 1, ()),
        (EMPTIES, 11, 1, ("changed", "emptied")),
        (ADDS, 500, 1000, ()),
    ],
)
def test_plan_is_held_above_a_count_and_a_share(step: Step, number: int, links: int, reasons: tuple[str, ...]) -> None:
    """Both have to be exceeded: small accounts are not stopped by shares, large ones not by counts."""
    assert judged([step] * number, links) == reasons


def test_limits_are_the_accounts_own() -> None:
    """A stricter limit trips earlier."""
    strict = Limits(leavers=Limit(0, 0.0))
    assert verdict(counted([LEAVES]), Surroundings(1000), strict) == ("leavers",)


def test_one_field_emptied_everywhere_is_held() -> None:
    """From three records on, when no record that had it keeps it."""
    everywhere = {"google:notes": 3}
    assert judged([CLEARS] * 2, had_field={"google:notes": 2}) == ()
    assert judged([CLEARS] * 3, had_field=everywhere) == ("field_emptied",)
    assert judged([CLEARS] * 3, had_field={"google:notes": 4}) == ()
    assert judged([EMPTIES] * 3, had_field={"google:email": 3}) == ()


@pytest.mark.parametrize(
    ("around", "reasons"),
    [
        ({"members": (Members(Side.CRM, 0, 4, 0),)}, ("empty_side",)),
        ({"members": (Members(Side.CRM, 0, 3, 0), Members(Side.GOOGLE, 0, 9, 1))}, ()),
        ({"scope_gone": (Side.GOOGLE,)}, ("scope_gone",)),
        ({"unreadable": ("tag",)}, ("unreadable",)),
        ({"fingerprint_changed": True}, ("fingerprint",)),
    ],
)
def test_plan_is_held_by_what_surrounds_it(around: dict[str, Any], reasons: tuple[str, ...]) -> None:
    """Whatever it would do, however little."""
    assert judged([], **around) == reasons


def test_first_run_is_not_measured_but_still_needs_its_scopes() -> None:
    """There is nothing yet that it could have shrunk from."""
    assert judged([RENAMES] * 50, links=0, first_run=True, fingerprint_changed=True) == ()
    assert judged([], links=0, first_run=True, scope_gone=(Side.CRM,)) == ("scope_gone",)


def test_undo_and_quarantine_are_not_counted_as_damage() -> None:
    """A person asked for the one; the other moves a copy of ours aside."""
    undo = Step(link=1, crm=(Change(ANN.field, ANN, None, Why.UNDO),), pairs=(0,))
    aside = msgspec.structs.replace(LEAVES, quarantine=True)
    total = counted([undo, aside])
    assert (total.changed, total.emptied, total.leavers) == (0, 0, 0)
    assert not dangerous(undo, CASE)
    assert not dangerous(aside, CASE)


def test_lost_part_counts_as_emptied() -> None:
    """A title taken from everybody is found out although the company stays."""
    old, new = job("Acme", "CEO"), job("Acme")
    assert counted([Step(link=1, crm=(Change(old.field, old, new, Why.CHANGED),))]).emptied == 1
    assert counted([Step(link=1, crm=(Change(old.field, new, old, Why.CHANGED),))]).emptied == 0


def test_tally_counts_what_a_report_needs() -> None:
    """Creates, updates, entries, partners, and what had a value."""
    newcomer = Case(Presence(crm(ANN), (0,)), Presence())
    total = tally(Tally(), newcomer, Step(create=Side.GOOGLE, google=(Change(ANN.field, None, ANN, Why.NEW),)))
    total = tally(total, CASE, RENAMES)
    shown = counts(total)
    assert (shown["created_google"], shown["updated_crm"], shown["changed"], shown["had_values"]) == (1, 1, 1, 9)
    assert "emptied_fields" not in shown


@pytest.mark.parametrize(
    ("step", "danger"),
    [(LEAVES, True), (RENAMES, True), (EMPTIES, True), (ADDS, False), (Step(link=1, pairs=(0,)), False)],
)
def test_dangerous_is_what_takes_something_away(step: Step, *, danger: bool) -> None:
    """A membership, or a value that stood there; additions are harmless."""
    assert dangerous(step, CASE) is danger


def test_approval_is_good_for_this_damage_in_these_versions_only() -> None:
    """Another value, contact or version is another damage; an addition more is not."""
    other_value = msgspec.structs.replace(RENAMES, crm=(Change(ANN.field, ANN, name("Ida"), Why.CHANGED),))
    other_version = msgspec.structs.replace(RENAMES, google_digest="d")
    other_contact = msgspec.structs.replace(RENAMES, link=2)
    names = {damage_digest(s) for s in (RENAMES, other_value, other_version, other_contact, LEAVES, EMPTIES)}
    assert len(names) == 6
    assert damage_digest(msgspec.structs.replace(RENAMES, google=ADDS.google)) == damage_digest(RENAMES)


def test_birthday_counts_by_record_not_by_part() -> None:
    """A single field is one value."""
    born = birthday("1990", "5", "1")
    case = Case(Presence(crm(born), (0,)), Presence(google(), (0,)), LINK)
    total = tally(Tally(), case, Step(link=1, crm=(Change(born.field, born, None, Why.CHANGED),)))
    assert (total.had_values, total.emptied, total.emptied_fields) == (1, 1, {"crm:birthday": 1})
