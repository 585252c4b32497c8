"""Calls: durable before they go out, settled after, and nothing in between can be lost or done twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from state.schema import call_item, claim
from state.schema import history as history_table
from state.store import SqlStore
from syncd.core.contact import Field, Instant, RecordId, Side, Unit, base_of
from syncd.core.delta import digest
from syncd.core.errors import Claimed, ContractBroken, LeaseLost, Replan
from syncd.core.ports import (
    CallItem,
    Create,
    Done,
    Enter,
    Leave,
    Member,
    Missing,
    Refused,
    Settled,
    Stale,
    Unknown,
    Unsent,
)
from syncd.core.step import Conflict, Hold, HoldReason, Link, LinkState, ScopeMove, Step, Why
from tests.state.world import (
    ANN,
    BOB,
    CRM,
    GOOGLE,
    GROUP,
    NOW,
    TAG,
    World,
    crm,
    google,
    item_of,
    phone_of,
    rid,
    update_of,
)

SENT = Instant(7_000_000)


def _open(world: World, side: Side, *items: CallItem, **more: Any) -> tuple[str, tuple[CallItem, ...]]:
    lease = world.crm_lease if side is Side.CRM else world.google_lease
    return world.store.open_call(lease, ANN, "run1", side, items, SENT, **more)


def _dirty(world: World) -> Link:
    """A link whose CRM record has a new phone, which Google does not have yet."""
    link = world.linked_pair()
    world.read_crm(crm("c1", "2", version="v2"))
    return link


def _google_update(world: World, link: Link) -> CallItem:
    case = world.store.case(ANN, link.id)
    assert case.google.record is not None
    return item_of(
        update_of(case.google.record, "2"), link.id, crm_digest=case.crm.digest, google_digest=case.google.digest
    )


def _create_in_crm(google_id: str, crm_id: str, intent: str = "i1") -> CallItem:
    write = Create(intent, rid(crm_id), "", google(google_id).units, (TAG,))
    return CallItem(Step(google_id=rid(google_id), create=Side.CRM, pairs=(0,)), write, 0)


# ---------------------------------------------------------------------------------------------- before the request


def test_history_is_there_before_the_request(world: World) -> None:
    """Every value that a call overwrites is remembered when open_call returns, with its outcome yet to come."""
    link = _dirty(world)
    _open(world, Side.GOOGLE, _google_update(world, link))
    rows = world.store.history(ANN, run="run1", record=None, limit=10)
    assert [(r.kind, r.field, r.outcome, r.record, r.link) for r in rows] == [
        ("update", "phone", "sent", "g1", link.id)
    ]
    assert rows[0].old is not None
    assert rows[0].new is not None
    assert (rows[0].old.value, rows[0].new.value, rows[0].why) == (("1",), ("2",), "changed")


def test_an_open_call_is_found_after_a_crash(world: World) -> None:
    """Items come back as they were sent, with the server's time."""
    link = _dirty(world)
    update = _google_update(world, link)
    move = CallItem(Step(link=link.id), Leave(rid("g1"), GROUP, ("r",)), link.id)
    call, items = _open(world, Side.GOOGLE, update, move)
    found = world.store.open_calls(GOOGLE)
    assert [(c.id, c.side, c.account, c.sent_at) for c in found] == [(call, Side.GOOGLE, ANN, SENT)]
    assert found[0].items == items == (update, move)
    assert world.store.open_calls(CRM) == ()


def test_a_create_has_a_link_before_the_request(world: World) -> None:
    """The item comes back with a `creating` link, which no plan looks at, and its newcomer is none any more."""
    world.read_google(google("g1"))
    assert world.work() == [("", "g1")]
    _call, items = _open(world, Side.CRM, _create_in_crm("g1", "c1"))
    link = world.store.case(ANN, items[0].link).link
    assert link is not None
    assert (link.state, link.crm_id, link.google_id) == (LinkState.CREATING, "c1", "g1")
    assert world.work() == []
    assert [r.kind for r in world.store.history(ANN, run=None, record=rid("c1"), limit=9)] == ["create"]


def test_a_second_intent_for_the_same_contact_is_refused(world: World) -> None:
    """Nothing of the second call is kept."""
    world.read_google(google("g1"))
    _open(world, Side.CRM, _create_in_crm("g1", "c1"))
    with pytest.raises(Replan):
        _open(world, Side.CRM, _create_in_crm("g1", "c2", "i2"))
    assert len(world.store.open_calls(CRM)) == 1


def test_a_claimed_contact_is_not_made_twice(world: World) -> None:
    """Two accounts bring the same person: the second learns which of its items to leave out."""
    world.add_account(BOB, GOOGLE)
    world.read_google(google("g1"), google("g2"))
    _open(world, Side.CRM, _create_in_crm("g1", "c1"), claims={0: ["email:a@example.com", "email:b@example.com"]})
    assert world.store.claims(CRM, ["email:b@example.com", "email:z@example.com"]) == {"email:b@example.com": "i1"}
    items = [_create_in_crm("g2", "c2", "i2"), _create_in_crm("g1", "c3", "i3")]
    with pytest.raises(Claimed) as caught:
        world.store.open_call(world.crm_lease, BOB, "r", Side.CRM, items, SENT, {0: ["z"], 1: ["email:a@example.com"]})
    assert caught.value.items == (1,)
    assert world.store.claims(CRM, ["z"]) == {}
    with world.store.db.read() as connection:
        assert b"a@example.com" not in b"".join(bytes(r.key) for r in connection.execute(sa.select(claim)))


@pytest.mark.parametrize("outcome", [Done(crm("c1")), Refused("no"), Unsent()])
def test_a_settled_intent_frees_its_claims(world: World, outcome: Done | Refused | Unsent) -> None:
    """Whatever came of it."""
    world.read_google(google("g1"))
    call, items = _open(world, Side.CRM, _create_in_crm("g1", "c1"), claims={0: ["k"]})
    world.store.settle_call(world.crm_lease, call, [Settled(items[0], outcome, None)], NOW)
    assert world.store.claims(CRM, ["k"]) == {}


def test_an_overtaken_worker_opens_no_call(world: World) -> None:
    """Its lease ran out and was taken: nothing is kept, so nothing may be sent."""
    link = _dirty(world)
    item = _google_update(world, link)
    world.store.lease(GOOGLE, "other", NOW + 2000, NOW + 601)
    with pytest.raises(LeaseLost):
        _open(world, Side.GOOGLE, item)
    assert world.store.open_calls(GOOGLE) == ()
    assert world.store.history(ANN, run=None, record=None, limit=9) == ()


def test_a_call_under_the_wrong_lease_is_refused(world: World) -> None:
    """CRM calls go out under the CRM's lease."""
    link = _dirty(world)
    item = _google_update(world, link)
    with pytest.raises(ContractBroken):
        world.store.open_call(world.crm_lease, ANN, "r", Side.GOOGLE, [item], SENT)


def test_a_failure_in_the_middle_keeps_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after the call and before its history: neither is there."""
    link = _dirty(world)
    item = _google_update(world, link)

    def crash(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("state.history.write", crash)
        with pytest.raises(KeyboardInterrupt):
            _open(world, Side.GOOGLE, item)
    assert world.store.open_calls(GOOGLE) == ()
    _open(world, Side.GOOGLE, item)
    assert len(world.store.open_calls(GOOGLE)) == 1


# ---------------------------------------------------------------------------------------------- after the reply


def test_a_settled_update_leaves_nothing_to_do(world: World) -> None:
    """Mirror, bases and history tell the same; a base given whole that equals the mirror is stored as none."""
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link))
    after = google("g1", "2", stamp=20)
    bases = {"crm_base": base_of(crm("c1", "2")), "google_base": base_of(after)}
    settled = Settled(items[0], Done(after), msgspec.structs.replace(link, **bases), after)
    before = world.revision(GOOGLE)
    world.store.settle_call(world.google_lease, call, [settled], NOW)
    assert world.store.open_calls(GOOGLE) == ()
    assert world.work() == []
    stored = world.store.case(ANN, link.id).link
    assert stored is not None
    assert (stored.crm_base, stored.google_base) == (None, None)
    assert phone_of(world.body(GOOGLE, "g1")) == "2"
    assert [r.outcome for r in world.store.history(ANN, run=None, record=None, limit=9)] == ["done"]
    assert world.revision(GOOGLE) == before + 1


def test_a_foreign_edit_between_plan_and_settlement_stays_visible(world: World) -> None:
    """The CRM's mirror moved on while Google was written: the base is what was planned with, and the link is work."""
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link))
    world.read_crm(crm("c1", "3", version="v3"))
    after = google("g1", "2", stamp=20)
    planned = msgspec.structs.replace(link, crm_base=base_of(crm("c1", "2")), google_base=base_of(after))
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Done(after), planned, after)], NOW)
    stored = world.store.case(ANN, link.id).link
    assert stored is not None
    assert stored.crm_base == base_of(crm("c1", "2"))
    assert world.work() == [("c1", "g1")]


def test_a_foreign_edit_is_not_hidden_by_a_base_left_out(world: World) -> None:
    """None means "the mirror as planned against"; where that has moved, the base that the move left stays."""
    link = _dirty(world)
    item = _google_update(world, link)
    call, items = _open(world, Side.GOOGLE, item)
    world.read_crm(crm("c1", "3", version="v3"))
    after = google("g1", "2", stamp=20)
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Done(after), link, after)], NOW)
    assert world.work() == [("c1", "g1")]


def test_other_links_on_the_record_become_work(world: World) -> None:
    """Our own write for one account is a change for another: its base is what was there before, and it is due."""
    ann = _dirty(world)
    world.add_account(BOB, GOOGLE)
    bob = world.link("c9", "g1", BOB)
    world.add_account(BOB, GOOGLE, next_due=NOW + 900)
    world.add_account(ANN, GOOGLE, next_due=NOW + 900)
    call, items = _open(world, Side.GOOGLE, _google_update(world, ann))
    after = google("g1", "2", stamp=20)
    link = msgspec.structs.replace(ann, crm_base=None, google_base=base_of(after))
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Done(after), link, after)], NOW)
    stored = world.store.case(BOB, bob.id).link
    assert stored is not None
    assert stored.google_base == base_of(google("g1"))
    assert (world.next_due(BOB), world.next_due(ANN)) == (NOW, NOW + 900)


def test_unknown_items_keep_the_call_open(world: World) -> None:
    """The others are settled; a later settlement takes the rest, and then the call is done."""
    link = _dirty(world)
    world.read_google(google("g2"))
    first, second = _google_update(world, link), CallItem(Step(), Enter(rid("g2"), GROUP), 0)
    call, items = _open(world, Side.GOOGLE, first, second)
    results = [Settled(items[0], Unknown("timeout"), link), Settled(items[1], Stale(), None)]
    world.store.settle_call(world.google_lease, call, results, NOW)
    assert [c.items for c in world.store.open_calls(GOOGLE)] == [(items[0],)]
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Stale(), link)], NOW)
    assert world.store.open_calls(GOOGLE) == ()
    rows = world.store.history(ANN, run=None, record=None, limit=9)
    assert sorted(r.outcome for r in rows) == ["stale", "stale"]
    with pytest.raises(ContractBroken):
        world.store.settle_call(world.google_lease, call, [Settled(items[0], Stale(), link)], NOW)


def test_items_without_an_outcome_wait(world: World) -> None:
    """A reply cut short settles what it told of."""
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link), CallItem(Step(), Enter(rid("g2"), GROUP), 0))
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Stale(), link)], NOW)
    assert [c.items for c in world.store.open_calls(GOOGLE)] == [(items[1],)]


def test_a_takeover_settles_what_the_other_sent(world: World) -> None:
    """The next holder of the lease finds the call and settles it; the old one cannot any more."""
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link))
    taken = world.store.lease(GOOGLE, "other", NOW + 2000, NOW + 601)
    with pytest.raises(LeaseLost):
        world.store.settle_call(world.google_lease, call, [Settled(items[0], Stale(), link)], NOW)
    world.store.settle_call(taken, call, [Settled(items[0], Stale(), link)], NOW)
    assert world.store.open_calls(GOOGLE) == ()


def test_a_settled_create_makes_the_link_live(world: World) -> None:
    """The new record is in the mirror, in its scope, linked, and nothing is to be done."""
    world.read_google(google("g1"))
    call, items = _open(world, Side.CRM, _create_in_crm("g1", "c1"))
    made = crm("c1")
    link = Link(items[0].link, ANN, LinkState.LIVE, rid("c1"), rid("g1"), base_of(made), base_of(google("g1")), (0,))
    settled = Settled(items[0], Done(made), link, made, (Member(TAG, rid("c1"), ("row",)),))
    world.store.settle_call(world.crm_lease, call, [settled], NOW)
    assert world.work() == []
    case = world.store.case(ANN, items[0].link)
    assert case.link is not None
    assert (case.link.state, case.crm.pairs, case.crm.rows) == (LinkState.LIVE, (0,), {0: ("row",)})
    assert case.link.crm_base is None


def test_a_google_create_is_remembered_under_the_id_it_got(world: World) -> None:
    """The id is known only afterwards; history and link name it."""
    world.read_crm(crm("c1"))
    write = Create("i", None, "1/t/c1/i", crm("c1").units, (GROUP,))
    step = Step(crm_id=rid("c1"), create=Side.GOOGLE, pairs=(0,))
    call, items = _open(world, Side.GOOGLE, CallItem(step, write, 0))
    made = google("g7", anchor="1/t/c1/i")
    link = Link(items[0].link, ANN, LinkState.LIVE, rid("c1"), rid("g7"), None, base_of(made), (0,))
    settled = Settled(items[0], Done(made), link, made, (Member(GROUP, rid("g7")),))
    world.store.settle_call(world.google_lease, call, [settled], NOW)
    rows = world.store.history(None, run=None, record=rid("g7"), limit=9)
    assert [(r.kind, r.outcome, r.link) for r in rows] == [("create", "done", items[0].link)]
    assert world.work() == []


def test_a_create_that_did_not_happen_leaves_a_newcomer(world: World) -> None:
    """The link is dropped, and the contact is planned again."""
    world.read_google(google("g1"))
    call, items = _open(world, Side.CRM, _create_in_crm("g1", "c1"))
    world.store.settle_call(world.crm_lease, call, [Settled(items[0], Unsent(), None)], NOW)
    assert world.work() == [("", "g1")]
    with pytest.raises(Replan):
        world.store.case(ANN, items[0].link)


def test_a_create_in_doubt_stays_creating(world: World) -> None:
    """No plan looks at either of its records before its outcome is known."""
    world.read_google(google("g1"))
    call, items = _open(world, Side.CRM, _create_in_crm("g1", "c1"))
    link = world.store.case(ANN, items[0].link).link
    world.store.settle_call(world.crm_lease, call, [Settled(items[0], Unknown("reset"), link)], NOW)
    assert world.work() == []
    assert world.store.open_calls(CRM)[0].items == items


def test_a_step_in_several_calls_makes_one_link(world: World) -> None:
    """A newcomer with a partner has no link while its writes go out; the second settlement finds the first one's."""
    world.read_crm(crm("c1"))
    world.read_google(google("g1", scopes=()))
    step = Step(crm_id=rid("c1"), google_id=rid("g1"), partner=True, pairs=(0,))
    link = Link(0, ANN, LinkState.LIVE, rid("c1"), rid("g1"), pairs=(0,))
    for _ in range(2):
        call, items = _open(world, Side.GOOGLE, CallItem(step, Enter(rid("g1"), GROUP), 0))
        entered = (Member(GROUP, rid("g1")),)
        settled = Settled(items[0], Done(), link, google("g1", scopes=()), entered)
        world.store.settle_call(world.google_lease, call, [settled], NOW)
    assert world.store.counts(ANN)["live"] == 1
    assert world.body(GOOGLE, "g1") is not None
    assert {r.link for r in world.store.history(ANN, run=None, record=rid("g1"), limit=9)} == {
        world.store.links_of(ANN, Side.CRM, [rid("c1")])[rid("c1")].id
    }


def test_a_body_that_comes_with_a_move_never_replaces_a_newer_one(world: World) -> None:
    """It is the body that the move was planned with; the mirror may know better."""
    link = world.linked_pair()
    world.read_google(google("g1", "5", stamp=30))
    item = CallItem(Step(link=link.id), Enter(rid("g1"), GROUP), link.id)
    call, items = _open(world, Side.GOOGLE, item)
    stored = world.store.case(ANN, link.id).link
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Done(), stored, google("g1"))], NOW)
    assert phone_of(world.body(GOOGLE, "g1")) == "5"
    assert world.work() == [("c1", "g1")]


def test_a_settled_leave_ends_the_membership(world: World) -> None:
    """The link parks with it, and both sides rest."""
    link = world.linked_pair()
    world.read_crm(members=[], gone=(rid("c1"),))
    call, items = _open(world, Side.GOOGLE, CallItem(Step(link=link.id), Leave(rid("g1"), GROUP), link.id))
    parked = msgspec.structs.replace(link, state=LinkState.PARKED, pairs=())
    settled = Settled(items[0], Done(), parked, left=(Member(GROUP, rid("g1")),))
    world.store.settle_call(world.google_lease, call, [settled], NOW)
    assert world.work() == []
    assert world.store.counts(ANN)["parked"] == 1


def test_an_older_state_does_not_undo_our_own_move(world: World) -> None:
    """Google serves the group as it was before our move: that is deferred, and not taken for a person leaving."""
    world.read_crm(crm("c1"))
    world.read_google(google("g1", scopes=()))
    link = Link(0, ANN, LinkState.LIVE, rid("c1"), rid("g1"), pairs=(0,))
    call, items = _open(world, Side.GOOGLE, CallItem(Step(), Enter(rid("g1"), GROUP), 0))
    entered = (Member(GROUP, rid("g1")),)
    settled = Settled(items[0], Done(), link, google("g1", scopes=()), entered)
    world.store.settle_call(world.google_lease, call, [settled], NOW)
    assert world.read_google(google("g1", scopes=()), now=NOW + 60).left == 0
    assert world.work() == []
    assert world.store.rechecks(GOOGLE, NOW + 900) == ("g1",)
    assert world.read_google(google("g1", scopes=(), stamp=40), now=NOW + 61).left == 1
    assert world.work() == [("c1", "g1")]


def test_an_older_state_counts_once_the_hold_off_is_over(world: World) -> None:
    """After that, Google has had its time."""
    link = world.linked_pair()
    call, items = _open(world, Side.GOOGLE, CallItem(Step(), Enter(rid("g1"), GROUP), link.id))
    settled = Settled(items[0], Done(), link, entered=(Member(GROUP, rid("g1")),))
    world.store.settle_call(world.google_lease, call, [settled], NOW)
    assert world.read_google(google("g1", scopes=()), now=NOW + 901).left == 1


def test_a_missing_record_is_asked_for(world: World) -> None:
    """The server did not know it: a point read says whether it is gone."""
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link))
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Missing(), link)], NOW)
    assert world.store.rechecks(GOOGLE, NOW) == ("g1",)


def test_refused_content_is_left_out_until_it_changes(world: World) -> None:
    """Refused once, it is not tried again while both sides say the same; a leaver is seen all the same."""
    link = _dirty(world)
    item = _google_update(world, link)
    call, items = _open(world, Side.GOOGLE, item)
    refused = msgspec.structs.replace(
        link,
        crm_base=base_of(crm("c1")),
        google_base=None,
        refused=f"{item.step.crm_digest}:{item.step.google_digest}",
    )
    world.store.settle_call(world.google_lease, call, [Settled(items[0], Refused("bad"), refused)], NOW)
    assert world.work() == []
    world.read_google(google("g1", "8", stamp=50))
    assert world.work() == [("c1", "g1")]


def test_conflicts_are_told_once(world: World) -> None:
    """A step that goes out in two calls has one conflict in the history, with what was lost."""
    link = world.linked_pair()
    lost, won = Unit(Field.NOTES, ("lost",)), Unit(Field.NOTES, ("won",))
    conflict = Conflict(Field.NOTES, Side.CRM, won, lost, Why.LATER)
    moves = (ScopeMove(Side.GOOGLE, 0, enter=True),)
    step = Step(link=link.id, crm_id=rid("c1"), google_id=rid("g1"), moves=moves, conflicts=(conflict,))
    for write in (Enter(rid("g1"), GROUP), Leave(rid("g1"), GROUP)):
        _open(world, Side.GOOGLE, CallItem(step, write, link.id))
    rows = [r for r in world.store.history(ANN, run="run1", record=None, limit=9) if r.kind == "conflict"]
    assert [(r.old, r.new, r.side, r.record) for r in rows] == [(lost, won, Side.GOOGLE, "g1")]


def test_a_step_without_writes_tells_its_conflicts_itself(world: World) -> None:
    """Nothing was sent, yet somebody's value was given up."""
    conflict = Conflict(Field.NOTES, Side.GOOGLE, None, Unit(Field.NOTES, ("x",)), Why.TIE)
    link = world.linked_pair()
    step = Step(link=link.id, crm_id=rid("c1"), conflicts=(conflict,))
    world.store.settle_step(world.google_lease, ANN, step, link, run="r9")
    assert [(r.kind, r.side, r.outcome) for r in world.store.history(ANN, run="r9", record=None, limit=9)] == [
        ("conflict", Side.CRM, "settled")
    ]


def test_a_step_settles_under_its_lease_only(world: World) -> None:
    """An overtaken worker writes no link."""
    world.store.lease(GOOGLE, "other", NOW + 2000, NOW + 601)
    with pytest.raises(LeaseLost):
        world.link("c1", "g1")
    assert world.store.counts(ANN)["live"] == 0


def test_a_held_link_is_work_and_is_listed(world: World) -> None:
    """The engine decides whether a held contact may go on; people see why it waits."""
    link = world.linked_pair()
    hold = Hold(HoldReason.MERGED_AWAY, (RecordId("g2"),))
    world.link("c1", "g1", id=link.id, hold=hold)
    assert world.work() == [("c1", "g1")]
    assert world.store.holds(ANN) == ((ANN, link.id, hold, "c1", "g1"),)


def test_two_links_for_one_record_cannot_be(world: World) -> None:
    """The second is refused, and the first stands."""
    world.linked_pair()
    with pytest.raises(Replan):
        world.link("c1", "other")
    assert world.store.counts(ANN)["live"] == 1


def test_the_last_read_back_of_a_record_counts(world: World) -> None:
    """Two writes to one record in one call."""
    link = world.linked_pair()
    record = world.body(GOOGLE, "g1")
    assert record is not None
    first, second = item_of(update_of(record, "2"), link.id), item_of(update_of(record, "3"), link.id)
    call, items = _open(world, Side.GOOGLE, first, second)
    results = [
        Settled(item, Done(), link, google("g1", phone, stamp=20 + n))
        for n, (item, phone) in enumerate(zip(items, ("2", "3"), strict=True))
    ]
    world.store.settle_call(world.google_lease, call, results, NOW)
    body = world.body(GOOGLE, "g1")
    assert phone_of(body) == "3"
    assert body is not None
    assert world.store.presence(ANN, Side.GOOGLE, [rid("g1")])[rid("g1")].digest == digest(body)


def test_done_calls_keep_no_contact_data(store: SqlStore) -> None:
    """What a call carried is forgotten with its outcome; the history is the memory."""
    world = World(store)
    link = _dirty(world)
    call, items = _open(world, Side.GOOGLE, _google_update(world, link))
    store.settle_call(world.google_lease, call, [Settled(items[0], Stale(), link)], NOW)
    with store.db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(call_item)).scalar_one() == 0
        assert connection.execute(sa.select(sa.func.count()).select_from(history_table)).scalar_one() == 1
