"""One contact's decision: newcomers, partners, leaving, coming back."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.contact import FIELD_MASK, AccountName, Base, Field, Record, RecordId, Side, Unit, base_of
from syncd.core.plan import reconcile
from syncd.core.policy import Flow, Lens, MapRow
from syncd.core.step import Case, Hold, HoldReason, Link, LinkState, Presence, ScopeMove, Step, Why
from tests.core.model import CRM, GOOGLE, address, birthday, crm, email, google, job, name, notes, phone, policy, url

ANN = name("Ann", "Lee")
HERE, THERE = crm(ANN), google(ANN)


def link(pairs: tuple[int, ...] = (0,), bases: tuple[Base | None, Base | None] = (None, None)) -> Link:
    """The link of the two records, agreed to be in these pairs."""
    state = LinkState.LIVE if pairs else LinkState.PARKED
    return Link(7, AccountName("a"), state, RecordId("c1"), RecordId("a1"), *bases, pairs)


def linked(
    here: tuple[int, ...],
    there: tuple[int, ...],
    was: tuple[int, ...] = (0,),
    *,
    gone: Side | None = None,
    bases: tuple[Base | None, Base | None] = (None, None),
    records: tuple[Record, Record] = (HERE, THERE),
) -> Case:
    """A linked contact that is in these pairs on either side now."""
    return Case(
        Presence(records[0], here, gone=gone is Side.CRM, digest="dc"),
        Presence(records[1], there, gone=gone is Side.GOOGLE, digest="dg"),
        link(was, bases),
    )


def edited(*units: Unit) -> dict[str, object]:
    """Google says this, and neither side said anything before."""
    return {"bases": (base_of(HERE), base_of(THERE)), "records": (HERE, google(*units))}


# ------------------------------------------------------------------------------- newcomers


def test_crm_newcomer_is_made_in_google_in_the_groups_of_its_tags() -> None:
    """All it says goes along, in Google's words; nothing is moved, for it is born into its groups."""
    case = Case(Presence(crm(ANN, email("a@x.lv", native="r1"), notes("<p>Hi</p>")), (0, 2), digest="d"), Presence())
    step = reconcile(case, policy())
    assert (step.create, step.pairs, step.moves, step.crm_id, step.google_id) == (Side.GOOGLE, (0, 2), (), "c1", None)
    assert [(c.new and c.new.value, c.why) for c in step.google] == [
        (("Ann", "", "Lee"), Why.NEW),
        (("Hi",), Why.NEW),
        (("a@x.lv",), Why.NEW),
    ]
    assert all(c.new and c.new.native == "" for c in step.google)
    assert (step.crm, step.crm_digest, step.link) == ((), "d", None)


def test_google_newcomer_is_made_in_the_crm_with_what_the_crm_can_hold() -> None:
    """Labels become the CRM's, equal values come once, the rest is reported as not holdable."""
    there = google(
        ANN,
        birthday("", "5", "1"),
        phone("67111222", "Yacht"),
        phone("+371 67111222", "work"),
        msgspec.structs.replace(email("b@x.lv", "home"), primary=True),
        email("a@x.lv", "home"),
    )
    step = reconcile(Case(Presence(), Presence(there, (0,))), policy())
    assert step.create is Side.CRM
    assert step.crm_unholdable
    assert [(c.new.field, c.new.label, c.new.primary) for c in step.crm if c.new] == [
        (Field.NAME, "", False),
        (Field.EMAIL, "", False),
        (Field.EMAIL, "", True),
        (Field.PHONE, "other", False),
    ]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ((job("Acme"), email("a@x.lv"), phone("67111222")), "Acme"),
        ((job("", "CEO"), email("b@x.lv"), email("a@x.lv")), "CEO"),
        ((email("a@x.lv"), phone("67111222")), "a@x.lv"),
        ((phone("67 111 222"),), "67 111 222"),
        ((name("  ", ""), url("x.lv")), "x.lv"),
        ((address("Main 1"),), "Main 1"),
    ],
)
def test_nameless_google_contact_borrows_a_name_for_the_crm(units: tuple[Unit, ...], expected: str) -> None:
    """Company, else e-mail, else phone, else whatever it says; marked, so that nobody takes it for a name."""
    step = reconcile(Case(Presence(), Presence(google(*units), (0,))), policy())
    borrowed = next(c.new for c in step.crm if c.field is Field.NAME)
    assert borrowed is not None
    assert borrowed.value == (expected, "", "")
    assert borrowed.extra == {"placeholder": True}


def test_contact_that_says_nothing_makes_nothing() -> None:
    """There is nothing to write, and the CRM stores no contact without a name."""
    assert not reconcile(Case(Presence(), Presence(google(), (0,))), policy()).writes


@pytest.mark.parametrize(("direction", "side"), [(Flow.TO_GOOGLE, Side.GOOGLE), (Flow.TO_CRM, Side.CRM)])
def test_one_way_account_makes_nothing_against_its_direction(direction: Flow, side: Side) -> None:
    """A newcomer on the receiving side stays where it is."""
    here = Presence(HERE, (0,)) if side is Side.CRM else Presence()
    there = Presence(THERE, (0,)) if side is Side.GOOGLE else Presence()
    assert not reconcile(Case(here, there), policy(direction=direction)).writes


def test_partner_is_joined_merged_without_a_base_and_brought_into_the_pairs() -> None:
    """Both end in every pair either is in; lists unite."""
    case = Case(Presence(crm(ANN, email("a@x.lv")), ()), Presence(google(ANN, phone("67111222")), (0, 1)))
    step = reconcile(case, policy())
    assert step.partner
    assert step.create is None
    assert step.moves == (ScopeMove(Side.CRM, 0, enter=True), ScopeMove(Side.CRM, 1, enter=True))
    assert step.pairs == (0, 1)
    assert (len(step.crm), len(step.google)) == (1, 1)


def test_created_record_gets_mapped_slots_that_flow_there() -> None:
    """Also those that are carried the first time only."""
    rows = (MapRow("UsrA", "userDefined:A", Flow.FIRST_TIME), MapRow("UsrB", "userDefined:B", Flow.TO_CRM))
    rules = policy(lens=Lens("LV", CRM, GOOGLE, rows))
    mask = (*FIELD_MASK, "custom:UsrA", "custom:UsrB")
    here = crm(ANN, Unit(Field.CUSTOM, ("1",), "UsrA"), Unit(Field.CUSTOM, ("2",), "UsrB"), mask=mask)
    step = reconcile(Case(Presence(here, (0,)), Presence()), rules)
    assert [(c.new.label, c.new.value) for c in step.google if c.new and c.field is Field.CUSTOM] == [
        ("userDefined:A", ("1",))
    ]


def test_elements_that_become_one_when_created_come_once() -> None:
    """Two addresses that differ in what the new record's side has no place for."""
    lens = Lens("LV", msgspec.structs.replace(CRM, parts={Field.ADDRESS: (0,)}), GOOGLE)
    there = google(ANN, address("Main 1", "Riga"), address("Main 1", "Liepaja"))
    step = reconcile(Case(Presence(), Presence(there, (0,))), policy(lens=lens))
    assert [c.new and c.new.value[:2] for c in step.crm if c.field is Field.ADDRESS] == [("Main 1", "")]


# ------------------------------------------------------------------------------- membership


@pytest.mark.parametrize(
    ("here", "there", "was", "moves", "pairs"),
    [
        ((0,), (0,), (0,), [], (0,)),
        ((), (0,), (0,), [(Side.GOOGLE, 0, False)], ()),
        ((0,), (), (0,), [(Side.CRM, 0, False)], ()),
        ((), (), (0,), [], ()),
        ((), (), (), [], ()),
        ((0,), (), (), [(Side.GOOGLE, 0, True)], (0,)),
        ((), (0,), (), [(Side.CRM, 0, True)], (0,)),
        ((0,), (0,), (), [], (0,)),
        ((0, 1), (0,), (0, 1), [(Side.CRM, 1, False)], (0,)),
        ((0, 1), (0,), (0,), [(Side.GOOGLE, 1, True)], (0, 1)),
        ((0,), (1,), (0, 1), [(Side.CRM, 0, False), (Side.GOOGLE, 1, False)], ()),
        ((1,), (0, 1), (0, 1), [(Side.GOOGLE, 0, False)], (1,)),
    ],
)
def test_membership_is_merged_pair_by_pair(
    here: tuple[int, ...],
    there: tuple[int, ...],
    was: tuple[int, ...],
    moves: list[tuple[Side, int, bool]],
    pairs: tuple[int, ...],
) -> None:
    """Who left takes the other along in that pair alone; who came brings the other in; no pair left parks the link."""
    step = reconcile(linked(here, there, was), policy())
    assert [(m.side, m.pair, m.enter) for m in step.moves] == moves
    assert step.pairs == pairs
    assert (step.link, step.crm, step.google, step.create) == (7, (), (), None)


def test_leaving_wins_over_an_edit() -> None:
    """The edit stays where it was made; the step writes no value."""
    step = reconcile(linked((), (0,), **edited(name("Eve"))), policy())  # type: ignore[arg-type]
    assert step.moves == (ScopeMove(Side.GOOGLE, 0, enter=False),)
    assert (step.crm, step.google, step.pairs) == ((), (), ())


def test_edit_goes_on_while_one_pair_of_several_is_left() -> None:
    """The link lives on in the other pair."""
    step = reconcile(linked((0,), (0, 1), (0, 1), **edited(name("Eve"))), policy())  # type: ignore[arg-type]
    assert step.moves == (ScopeMove(Side.GOOGLE, 1, enter=False),)
    assert [c.new and c.new.value for c in step.crm] == [("Eve", "", "")]


@pytest.mark.parametrize("gone", list(Side), ids=str)
def test_deleted_record_takes_the_other_out_of_scope_and_leaves_it(gone: Side) -> None:
    """Deleting is leaving: tag or membership goes, the other record stays, nothing is made."""
    step = reconcile(linked((0,), (0,), gone=gone), policy())
    assert step.moves == (ScopeMove(gone.other, 0, enter=False),)
    assert (step.pairs, step.create, step.crm, step.google) == ((), None, (), ())


def test_parked_link_comes_alive_and_merges_against_the_old_bases() -> None:
    """Edits made meanwhile on both sides meet as if it had never been away."""
    records = (crm(ANN, notes("Hi")), google(ANN, phone("67111222")))
    case = linked((0,), (), (), bases=(base_of(HERE), base_of(THERE)), records=records)
    step = reconcile(case, policy())
    assert step.moves == (ScopeMove(Side.GOOGLE, 0, enter=True),)
    assert [c.why for c in (*step.crm, *step.google)] == [Why.CHANGED, Why.CHANGED]
    assert step.pairs == (0,)


@pytest.mark.parametrize("gone", list(Side), ids=str)
def test_parked_link_whose_record_is_gone_gets_a_new_one(gone: Side) -> None:
    """Tagged or grouped again, the survivor is made anew on the other side, under the same link."""
    inside = ((), (0,)) if gone is Side.CRM else ((0,), ())
    step = reconcile(linked(inside[0], inside[1], (), gone=gone), policy())
    assert (step.create, step.link, step.pairs, step.moves) == (gone, 7, (0,), ())
    assert (step.crm_id, step.google_id) == ((None, "a1") if gone is Side.CRM else ("c1", None))
    assert step.changes(gone)[0].new == ANN
    assert step.changes(gone.other) == ()


def test_one_way_account_neither_writes_the_other_side_nor_fights_over_membership() -> None:
    """Taken out of the group, a contact keeps its tag, and is not put back."""
    step = reconcile(linked((0,), ()), policy(direction=Flow.TO_GOOGLE))
    assert (step.writes, step.pairs) == (False, (0,))
    step = reconcile(linked((), (0,)), policy(direction=Flow.TO_GOOGLE))
    assert step.moves == (ScopeMove(Side.GOOGLE, 0, enter=False),)


# ------------------------------------------------------------------------------- quiet and held


def test_nothing_to_do_is_an_empty_step_that_says_what_it_saw() -> None:
    """The engine settles bases by it."""
    assert reconcile(linked((0,), (0,)), policy()) == Step(
        link=7,
        crm_id=RecordId("c1"),
        google_id=RecordId("a1"),
        pairs=(0,),
        crm_digest="dc",
        google_digest="dg",
    )


def test_hold_found_elsewhere_writes_nothing() -> None:
    """Whatever else there would be to do."""
    hold = Hold(HoldReason.MERGED_AWAY)
    step = reconcile(linked((), (0,), **edited(name("Eve"))), policy(), hold)  # type: ignore[arg-type]
    assert (step.hold, step.writes, step.pairs) == (hold, False, (0,))


@pytest.mark.parametrize("unread", list(Side), ids=str)
def test_listed_record_that_cannot_be_read_is_held_alone(unread: Side) -> None:
    """A tag row without its contact proves nothing about the contact."""
    records = (None, THERE) if unread is Side.CRM else (HERE, None)
    for inside in (((0,), (0,)), ((0,), ()) if unread is Side.CRM else ((), (0,))):
        case = linked(*inside, records=records)  # type: ignore[arg-type]
        step = reconcile(case, policy())
        assert step.hold is not None
        assert (step.hold.reason, step.writes) == (HoldReason.UNREADABLE, False)


def test_link_whose_create_is_in_flight_waits() -> None:
    """Nothing is known of its record yet."""
    case = linked((0,), ())
    assert case.link is not None
    creating = msgspec.structs.replace(case, link=msgspec.structs.replace(case.link, state=LinkState.CREATING))
    assert not reconcile(creating, policy()).writes
