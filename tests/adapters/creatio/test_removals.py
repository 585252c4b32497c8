"""What went: tag rows, detail rows, contacts. And what only seems to have gone, because a right was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.creatio import CreatioSettings
from adapters.creatio.client import Client
from adapters.creatio.session import session_for
from adapters.creatio.trust import Trust
from syncd.core.contact import Field, RecordId, ScopeId, Unit
from syncd.core.errors import Incomplete, MissingRight, NeedsHuman, SyncError
from syncd.core.ports import KeyKind
from tests.adapters.creatio.world import URL, World, leave, make_remote, mount, update

Worlds = Callable[..., World]


# ---------------------------------------------------------------------------------------------- removals


def test_untagged_contact_leaves_the_listing_and_is_not_gone(site: World) -> None:
    """A removal leaves no trace but a total that fell; the listing names the scope as complete."""
    bob, eve = site.add(), site.add()
    site.pull()
    site.settle()
    site.crm.untag(bob, site.tag, "anna")
    pull = site.pull()
    assert pull.listed == site.scopes
    assert (site.member(bob), site.member(eve)) == (False, True)
    assert pull.gone == []
    assert site.pull().listed == ()


def test_removal_and_addition_at_once_are_both_seen(site: World) -> None:
    """A swap keeps the total, and does not keep the secret."""
    bob, eve = site.add(), site.add(tagged=False)
    site.pull()
    site.settle()
    site.crm.untag(bob, site.tag, "anna")
    site.crm.tag(eve, site.tag, "anna")
    pull = site.pull()
    assert (site.member(bob), site.member(eve)) == (False, True)
    assert eve in pull.records


def test_one_of_two_tag_rows_removed_keeps_the_member(world: World) -> None:
    """Membership is any row of the pair."""
    bob = world.add()
    second = world.crm.tag(bob, world.tag, "anna")
    world.pull()
    world.crm.delete("ContactInTag", second)
    world.later()
    world.pull()
    assert len(world.members[world.tag, bob]) == 1


def test_deleted_contact_is_gone(site: World) -> None:
    """404 by its own id, while the login's own contact and the tag can be read."""
    bob, eve = site.add(emails=["bob@x.test"]), site.add(emails=["eve@x.test"])
    site.pull()
    site.settle()
    site.crm.delete("Contact", bob)
    pull = site.pull()
    assert pull.gone == [bob]
    assert set(site.bodies) == {eve}
    assert not site.member(bob)


def test_deleted_contact_that_is_only_parked_is_found_by_the_sweep(world: World) -> None:
    """No tag row went with it; the fall of the contacts' total is enough."""
    bob, eve = world.add(), world.add()
    world.pull()
    world.crm.untag(bob, world.tag, "anna")
    world.pull()
    world.settle()
    world.later(900)
    world.crm.delete("Contact", bob)
    assert world.pull().gone == [bob]
    assert world.member(eve)


def test_removed_detail_row_is_found_by_the_sweep(site: World) -> None:
    """Deleting a secondary row moves nothing at all."""
    bob = site.add(emails=["a@x.test", "b@x.test"], addresses=[{"Address": "A 1"}, {"Address": "B 2"}])
    site.pull()
    site.settle()
    site.later(900)
    row = next(r for r in site.rows(bob) if not r["Primary"] or r["Number"] == "b@x.test")
    site.crm.delete("ContactCommunication", row["Id"])
    pull = site.pull()
    assert len([u for u in pull.records[bob].units if u.field is Field.EMAIL]) == 1
    site.later(901)
    site.crm.delete("ContactAddress", site.rows(bob, "ContactAddress")[1]["Id"])
    assert len([u for u in site.pull().records[bob].units if u.field is Field.ADDRESS]) == 1


def test_sweep_waits_its_quarter_of_an_hour_unless_a_person_waits(worlds: Worlds) -> None:
    """Row removals elsewhere must not make every reading dear; what was noticed is not forgotten."""
    world = worlds(comm="C")
    bob = world.add(emails=["a@x.test", "b@x.test", "c@x.test", "d@x.test"])
    world.pull()

    def remove_and_pull(seconds: float, *, fresh: bool = False) -> int:
        world.later(seconds)
        secondary = next(r for r in world.rows(bob) if not r["Primary"])
        world.crm.delete("ContactCommunication", secondary["Id"])
        world.pull(fresh=fresh)
        return len([u for u in world.bodies[bob].units if u.field is Field.EMAIL])

    assert remove_and_pull(100) == 4
    assert remove_and_pull(100, fresh=True) == 2
    assert remove_and_pull(800) == 2
    world.later(101)
    world.pull()
    assert len([u for u in world.bodies[bob].units if u.field is Field.EMAIL]) == 1


def test_own_removals_start_no_sweep_and_no_listing(world: World) -> None:
    """What we deleted ourselves we know already."""
    bob, eve = world.add(emails=["a@x.test", "b@x.test"]), world.add()
    world.pull()
    world.settle()
    world.later(900)
    email = next(u for u in world.bodies[bob].units if u.value == ("b@x.test",))
    world.sent(update(world.bodies[bob], (email, None)))
    world.send(leave(eve, world.tag, *world.members[world.tag, eve]))
    pull = world.pull()
    assert pull.listed == ()
    assert eve not in pull.records
    world.later(60)
    assert world.pull().requests == 1


def test_removal_by_others_is_seen_beside_our_own(world: World) -> None:
    """Our own deletions are subtracted, not more."""
    bob, eve, zoe = world.add(), world.add(), world.add()
    world.pull()
    world.send(leave(bob, world.tag, *world.members[world.tag, bob]))
    world.crm.untag(eve, world.tag, "anna")
    world.later()
    world.pull()
    assert {record for _, record in world.members} == {zoe}


# ---------------------------------------------------------------------------------------------- rights


def void(world: World, *errors: type[SyncError], **pull: bool) -> None:
    """The reading fails and leaves everything as it was."""
    before = (dict(world.bodies), dict(world.members), world.cursor)
    with pytest.raises(errors):
        world.pull(**pull)
    assert (world.bodies, world.members, world.cursor) == before


@pytest.mark.parametrize("deny", ["emptyList", "403"])
@pytest.mark.parametrize("set_", ["Contact", "ContactInTag", "ContactCommunication", "ContactAddress"])
@pytest.mark.parametrize("batch_get", [True, False])
def test_lost_right_to_an_object_is_never_a_removal(worlds: Worlds, set_: str, deny: str, *, batch_get: bool) -> None:
    """An empty list with status 200 looks like mass deletion; it is refused, whole."""
    world = worlds(deny_read=deny, batch_get=batch_get)
    world.add(emails=["a@x.test"], addresses=[{"Address": "A 1"}])
    world.pull()
    world.settle()
    world.crm.revoke("Supervisor", unreadable={set_})
    void(world, MissingRight)
    world.crm.revoke("Supervisor", unreadable=set())
    world.pull()


@pytest.mark.parametrize("set_", ["Contact", "ContactInTag", "ContactCommunication"])
def test_lost_right_before_a_full_reading_in_a_new_process_is_refused_too(worlds: Worlds, set_: str) -> None:
    """There is no last total to compare with; that contacts are known is enough."""
    world = worlds()
    for n in range(12):
        world.add(Name=f"P{n}", emails=[f"p{n}@x.test"])
    world.pull()
    world.remote = make_remote(world)
    world.crm.revoke("Supervisor", unreadable={set_})
    void(world, MissingRight, full=True)


@pytest.mark.parametrize("set_", ["Contact", "ContactInTag", "ContactCommunication", "ContactAddress"])
def test_lost_right_before_the_daily_full_reading_is_refused_too(world: World, set_: str) -> None:
    """What the tables held at the last reading is remembered."""
    world.add(emails=["a@x.test"], addresses=[{"Address": "A 1"}])
    world.pull()
    world.crm.revoke("Supervisor", unreadable={set_})
    void(world, MissingRight, full=True)


def losing(world: World, monkeypatch: pytest.MonkeyPatch, after: int, **rights: Any) -> None:
    """The login's rights change once that many requests were answered."""
    handle = world.crm.handle
    asked = iter(range(1, 1000))

    def answer(request: Any, clock: Any) -> Any:
        reply = handle(request, clock)
        if next(asked) == after:
            world.crm.revoke("Supervisor", **rights)
        return reply

    monkeypatch.setattr(world.crm, "handle", answer)


@pytest.mark.parametrize("after", range(1, 10))
@pytest.mark.parametrize("set_", ["Contact", "ContactInTag", "ContactCommunication", "ContactAddress", "ContactTag"])
def test_right_lost_at_any_moment_of_a_full_reading_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, set_: str, after: int
) -> None:
    """Either the reading is void, or it says of every contact, its rows and its tag what it said before."""
    for n in range(12):
        world.add(Name=f"P{n}", emails=[f"p{n}@x.test"], addresses=[{"Address": f"A {n}"}])
    world.pull()
    before = (dict(world.bodies), dict(world.members))
    losing(world, monkeypatch, after, unreadable={set_})
    try:
        pull = world.pull(full=True)
    except SyncError:
        pass
    else:
        assert len([k for k in pull.keys if k.kind is KeyKind.NAME]) == 2
        assert not pull.gone
    assert (world.bodies, world.members) == before


@pytest.mark.parametrize("after", range(1, 8))
@pytest.mark.parametrize(
    "rights",
    [{"unreadable": {s}} for s in ("Contact", "ContactInTag", "ContactCommunication", "ContactAddress", "ContactTag")]
    + [{"view_any": False}],
    ids=str,
)
def test_right_lost_at_any_moment_of_a_change_reading_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, rights: dict[str, Any], after: int
) -> None:
    """The same for a reading that lists the tags and sweeps the details."""
    own = world.crm.add_tag("Own", "Supervisor")  # rows of it stay in sight, whatever happens to Anna's
    for n in range(3):
        world.add(Name=f"P{n}", emails=[f"p{n}@x.test"], addresses=[{"Address": f"A {n}"}], tags=[world.tag, own])
    world.pull()
    world.settle()
    before = (dict(world.bodies), dict(world.members))
    losing(world, monkeypatch, after, **rights)
    try:
        pull = world.pull(fresh=True)
    except SyncError:
        pass
    else:
        assert not pull.gone
    assert (world.bodies, world.members) == before


def test_all_tags_hidden_at_once_is_a_lost_right(worlds: Worlds) -> None:
    """Without “View any data” the tags of others are not shown."""
    world = worlds()
    world.add()
    own = world.crm.add_tag("Own", "Supervisor")
    eve = world.add(tagged=False, tags=[own])
    world.pull()
    world.settle()
    world.crm.revoke("Supervisor", view_any=False)
    void(world, MissingRight)
    assert eve


def test_one_tag_deleted_stops_nothing_for_the_others(world: World) -> None:
    """Its scope is left out of the listings; the other account goes on."""
    second = world.crm.add_tag("Second", "anna")
    bob = world.add()
    eve = world.add(tagged=False, tags=[second])
    zoe = world.add(tagged=False, tags=[second])
    world.scopes = (*world.scopes, ScopeId(second))
    world.pull()
    world.settle()
    world.crm.delete("ContactTag", world.tag)
    world.crm.untag(eve, second, "anna")
    pull = world.pull()
    assert pull.listed == (second,)
    assert pull.gone == []
    assert set(world.members) == {(world.tag, bob), (second, zoe)}


def test_login_s_own_contact_hidden_makes_deletions_doubtful(world: World) -> None:
    """The sentinel is not shown: then a 404 proves nothing."""
    bob = world.add()
    world.add()
    world.pull()
    world.settle()
    world.crm.revoke("Supervisor", hidden={bob, world.crm.user("Supervisor").contact_id})
    void(world, MissingRight)


def test_contact_refused_by_its_id_is_not_gone(worlds: Worlds) -> None:
    """403 is no 404."""
    world = worlds(batch_get=False)
    bob = world.add()
    world.add()
    world.pull()
    world.settle()
    world.crm.delete("Contact", bob)
    world.fault("403", target=rf"Contact\({bob}", body='{"error":{"message":"no"}}')
    void(world, MissingRight)
    assert world.pull().gone == [bob]


def test_contact_missing_together_with_the_tags_is_not_gone(world: World) -> None:
    """A right was lost somewhere: the 404 of a contact that really is deleted proves nothing either."""
    bob = RecordId(world.add())
    me = world.crm.user("Supervisor").contact_id
    settings = CreatioSettings(URL, username="Supervisor", password="Supervisor")
    transport = mount(world.crm)
    trust = Trust(Client(settings, transport, session_for(settings, transport, world.crm.clock.now)), "ContactTag")
    world.crm.delete("Contact", bob)
    assert trust.gone([bob], me, world.scopes) == (bob,)
    world.crm.revoke("Supervisor", view_any=False)
    with pytest.raises(MissingRight):
        trust.gone([bob], me, world.scopes)


def test_contact_shown_by_its_id_and_not_in_a_list_makes_the_reading_void(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two answers that contradict each other prove nothing."""
    bob = world.add()
    world.add()
    world.pull()
    world.settle()
    world.crm.untag(bob, world.tag, "anna")
    monkeypatch.setattr(Trust, "present", lambda *_: set())
    void(world, Incomplete)


def test_point_reads_tell_a_deleted_contact_from_a_lost_right(world: World) -> None:
    """None only where the server itself said 404 and other contacts could be read."""
    bob, eve = world.add(emails=["b@x.test"]), world.add()
    world.pull()
    world.crm.delete("Contact", eve)
    found = world.remote.fetch([*world.bodies])  # type: ignore[list-item]  # ids
    assert {k: v is not None for k, v in found.items()} == {bob: True, eve: False}
    world.crm.revoke("Supervisor", unreadable={"Contact"})
    with pytest.raises(MissingRight):
        world.remote.fetch([*world.bodies])  # type: ignore[list-item]  # ids


def test_point_reads_need_no_reading_before(worlds: Worlds) -> None:
    """After a restart recovery asks first."""
    world = worlds(batch_get=False)
    bob = world.add(emails=["b@x.test"])
    found = world.remote.fetch([bob])  # type: ignore[list-item]  # an id
    record = found[bob]  # type: ignore[index]  # an id
    assert record is not None
    assert Unit(Field.EMAIL, ("b@x.test",)).value in [u.value for u in record.units]


def test_error_says_what_to_do(world: World) -> None:
    """Everything that waits for a person says what the person shall do."""
    world.add()
    world.pull()
    world.crm.revoke("Supervisor", unreadable={"Contact"})
    with pytest.raises(NeedsHuman) as caught:
        world.pull()
    assert "Contact" in caught.value.fix


@pytest.mark.parametrize("deny", ["emptyList", "403"])
@pytest.mark.parametrize("set_", ["ContactCommunication", "ContactAddress"])
@pytest.mark.parametrize("batch_get", [True, False])
def test_right_lost_in_the_middle_of_a_reading_empties_nobody(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, set_: str, deny: str, *, batch_get: bool
) -> None:
    """The tables could still be seen when the reading began; the details then came back empty."""
    world = worlds(deny_read=deny, batch_get=batch_get)
    bob = world.add(emails=["a@x.test"], addresses=[{"Address": "A 1"}])
    world.pull()
    world.settle()
    world.crm.patch("Contact", bob, {"JobTitle": "Boss"})
    losing(world, monkeypatch, 1 if batch_get else 5, unreadable={set_})
    void(world, MissingRight)


@pytest.mark.parametrize("deny", ["emptyList", "403"])
def test_lost_right_to_accounts_removes_no_company(worlds: Worlds, deny: str) -> None:
    """What cannot be named is left out of the mask, or the reading is void."""
    world = worlds(deny_read=deny)
    bob = world.add(Account="Acme", JobTitle="Boss")
    world.pull()
    world.settle()
    world.crm.revoke("Supervisor", unreadable={"Account"})
    world.crm.patch("Contact", bob, {"Notes": "x"})
    world.remote = make_remote(world)
    if deny == "403":
        return void(world, MissingRight)
    assert "job" not in world.pull().records[bob].mask
    world.crm.revoke("Supervisor", unreadable=set())
    world.later()
    world.crm.patch("Contact", bob, {"Notes": "y"})
    assert "job" in world.pull().records[bob].mask
