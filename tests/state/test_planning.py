"""Planning reads: work in pages, one moment in a snapshot, partners by keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from state.schema import link as link_table
from state.store import SqlStore
from syncd.core.contact import ScopeId, Side
from syncd.core.errors import ContractBroken, Replan
from syncd.core.ports import Ending, KeyKind, Page, PlanRow
from syncd.core.step import Case, Hold, HoldReason, LinkState, Planned, Presence, Step
from tests.state.world import ANN, BOB, CRM, GOOGLE, GROUP, NOW, TAG, World, crm, google, rid


def test_newcomers_of_both_sides_are_work(world: World) -> None:
    """One case a record, with its body, pairs, rows and digest."""
    world.read_crm(crm("c1"))
    world.read_google(google("g1"))
    cases = {c.crm.record.id if c.crm.record else "": c for c in world.store.work(ANN)}
    assert len(cases) == 2
    new = cases["c1"].crm
    assert (new.pairs, new.rows) == ((0,), {0: ("tagrow-c1",)})
    assert new.digest
    assert cases[""].google.record is not None


def test_a_newcomer_in_two_pairs_is_one_case(world: World) -> None:
    """It names both pairs."""
    tag, group = ScopeId("tag2"), ScopeId("contactGroups/h")
    world.add_account(ANN, GOOGLE, pairs=((TAG, GROUP), (tag, group)))
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    staging.add(Page(records=(google("g1", scopes=(GROUP, group)), google("g2", scopes=(group,)))))
    staging.promote(Ending({}, snapshot=False), [GROUP, group], NOW)
    told = [(c.google.record.id, c.google.pairs) for c in world.store.work(ANN) if c.google.record]
    assert told == [("g1", (0, 1)), ("g2", (1,))]


def test_new_pairs_make_links_work(world: World) -> None:
    """A pair that is configured later is told to the links there are."""
    world.linked_pair()
    assert world.work() == []
    world.add_account(ANN, GOOGLE, pairs=())
    assert world.work() == [("c1", "g1")]
    world.add_account(ANN, GOOGLE)
    assert world.work() == []


def test_a_refused_newcomer_waits_for_other_content(world: World) -> None:
    """Any other hold is judged again each time: its partner may have changed."""
    world.read_google(google("g1"), google("g2"))
    digests = {c.google.record.id: c.google.digest for c in world.store.work(ANN) if c.google.record}
    refused, several = Hold(HoldReason.REFUSED), Hold(HoldReason.SEVERAL_CANDIDATES, (rid("c7"), rid("c8")))
    world.store.hold_newcomer(world.google_lease, ANN, Side.GOOGLE, rid("g1"), refused, digests[rid("g1")])
    world.store.hold_newcomer(world.google_lease, ANN, Side.GOOGLE, rid("g2"), several, digests[rid("g2")])
    assert world.work() == [("", "g2")]
    assert world.store.holds(None) == ((ANN, 0, refused, None, "g1"), (ANN, 0, several, None, "g2"))
    world.read_google(google("g1", "9", stamp=20))
    assert world.work() == [("", "g1"), ("", "g2")]
    world.store.hold_newcomer(world.google_lease, ANN, Side.GOOGLE, rid("g1"), None, "")
    assert len(world.store.holds(ANN)) == 1


def test_another_account_sees_its_own_work_only(world: World) -> None:
    """Scopes are shared, links are not."""
    world.linked_pair()
    world.add_account(BOB, GOOGLE)
    assert world.work() == []
    assert len(list(world.store.work(BOB))) == 2


def test_a_snapshot_stays_at_its_moment(world: World) -> None:
    """What is written meanwhile is seen outside, and not inside."""
    world.linked_pair()
    with world.store.snapshot() as view:
        world.read_google(google("g1", "2", stamp=20))
        assert list(view.work(ANN)) == []
        with view.snapshot() as inner:
            assert list(inner.work(ANN)) == []
        assert len(world.work()) == 1


def test_a_snapshot_cannot_write(store: SqlStore) -> None:
    """It is a reading of the state, nothing else."""
    with store.snapshot() as view, pytest.raises(ContractBroken):
        view.put_run("r", ANN, 1.0, {})


def test_writes_go_on_while_work_is_iterated(world: World) -> None:
    """No transaction stays open between two cases: whoever plans may renew a lease."""
    world.read_google(google("g1"), google("g2"))
    seen = 0
    for _case in world.store.work(ANN):
        world.store.renew(world.google_lease, NOW + 700)
        seen += 1
    assert seen == 2


def test_work_goes_on_across_pages(world: World) -> None:
    """More links than fit a page; none is told twice or left out."""
    world.read_crm(*[crm(f"c{n:04}") for n in range(1_300)])
    blank = {"account": ANN, "state": "live", "refused": "", "unplaced": False, "adrift": True}
    with world.store.db.write() as connection:
        connection.execute(sa.insert(link_table), [{**blank, "crm_id": f"c{n:04}"} for n in range(1_300)])
    links = [c.link.id for c in world.store.cases(ANN) if c.link]
    assert len(links) == len(set(links)) == 1_300
    assert len(world.work()) == 1_300


def test_a_case_without_a_link_is_planned_again(world: World) -> None:
    """Asking for a link that was dropped says so."""
    with pytest.raises(Replan):
        world.store.case(ANN, 77)


def test_presence_answers_for_every_id(world: World) -> None:
    """Also for what the mirror does not hold."""
    world.read_crm(crm("c1"))
    found = world.store.presence(ANN, Side.CRM, [rid("c1"), rid("c2")])
    assert found[rid("c1")].pairs == (0,)
    assert found[rid("c2")] == Presence()


def test_candidates_are_found_by_every_kind_of_key(world: World) -> None:
    """E-mail, phone, name and anchor; another source is not looked at."""
    world.read_google(google("g1", "+49 30 1234567", anchor="1/t/c1/i"), google("g2", "+49 30 1234567"))
    phone = (KeyKind.PHONE, "01234567")
    keys = [(KeyKind.EMAIL, "g1@example.com"), (KeyKind.ANCHOR, "1/t/c1/i")]
    found = world.store.candidates(GOOGLE, [*keys, phone])
    assert found[keys[0]] == found[keys[1]] == {"g1"}
    assert len(found) == 3
    assert world.store.candidates(CRM, keys) == {key: set() for key in keys}


def test_counts_name_states_and_members(world: World) -> None:
    """What a person sees of an account at a glance."""
    world.linked_pair()
    world.read_google(google("g2"))
    world.link("c5", "g5", state=LinkState.PARKED, pairs=())
    assert world.store.counts(ANN) == {"live": 1, "creating": 0, "parked": 1, "holds": 0, "crm.0": 1, "google.0": 2}


def _plan(id: str, state: str = "held") -> PlanRow:
    return PlanRow(id, ANN, NOW, "digest", state, ("leavers",), {"left": 12})


def _steps(count: int) -> list[Planned]:
    return [Planned(Case(Presence(), Presence()), Step(link=n + 1)) for n in range(count)]


def test_a_plan_is_kept_in_order(world: World) -> None:
    """Also when it is longer than a page."""
    world.store.keep_plan(_plan("p1"), iter(_steps(2_100)))
    assert world.store.kept_plan(ANN) == _plan("p1")
    assert [p.step.link for p in world.store.kept_steps("p1")] == list(range(1, 2_101))


def test_steps_are_decided_while_the_plan_is_written(world: World) -> None:
    """Whoever decides them reads the state, and renews a lease now and then."""

    def decide() -> Iterator[Planned]:
        for step in _steps(3):
            world.store.renew(world.google_lease, NOW + 700)
            assert world.store.kept_plan(ANN) is None
            yield step

    world.store.keep_plan(_plan("p1"), decide())
    assert len(list(world.store.kept_steps("p1"))) == 3


def test_a_new_plan_takes_the_place_of_the_old(world: World) -> None:
    """An account has one plan; marking and dropping it change it and nothing else."""
    world.store.keep_plan(_plan("p1"), _steps(2))
    world.store.keep_plan(_plan("p2", "running"), _steps(1))
    assert list(world.store.kept_steps("p1")) == []
    world.store.mark_plan("p2", "approved", ["seen"], {"changed": 1})
    kept = world.store.kept_plan(ANN)
    assert kept is not None
    assert (kept.id, kept.state, kept.reasons, kept.tally) == ("p2", "approved", ("seen",), {"changed": 1})
    world.store.drop_plan(ANN)
    assert world.store.kept_plan(ANN) is None
    assert list(world.store.kept_steps("p2")) == []
    with pytest.raises(ContractBroken):
        world.store.mark_plan("p2", "held", [], {})


def test_a_plan_that_was_interrupted_is_none(world: World) -> None:
    """A crash among the steps: nobody sees half a plan."""

    def crash() -> Iterator[Planned]:
        yield from _steps(1_500)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.store.keep_plan(_plan("p1"), crash())
    assert world.store.kept_plan(ANN) is None
    world.store.keep_plan(_plan("p1"), _steps(1))
    assert len(list(world.store.kept_steps("p1"))) == 1


def test_a_decision_replaces_an_earlier_one(world: World) -> None:
    """The last word on a subject counts; others stand; a used one is forgotten."""
    world.store.decide(ANN, "p1", "approve", {"until": 1}, NOW)
    last = world.store.decide(ANN, "p1", "approve", {"until": 2}, NOW + 1)
    other = world.store.decide(ANN, "g1", "resolve", {"link": "c1"}, NOW + 2)
    assert world.store.decisions(ANN) == (last, other)
    world.store.forget_decision(last.id)
    assert world.store.decisions(ANN) == (other,)
