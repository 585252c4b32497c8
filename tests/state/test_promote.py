"""Promotion: what one reading does to the mirror, in one transaction."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from state.drift import truth
from state.schema import DIRTY, match_key, membership, recheck, staged
from state.schema import link as link_table
from state.schema import record as record_table
from state.store import SqlStore
from syncd.core.contact import Field, Instant, ScopeId, Side, base_of
from syncd.core.errors import LeaseLost
from syncd.core.ports import Ending, KeyKind, KeyRow, Member, Page
from syncd.core.step import LinkState
from tests.state.world import (
    ANN,
    CRM,
    GOOGLE,
    GROUP,
    NOW,
    TAG,
    World,
    crm,
    email_key,
    google,
    phone_of,
    rid,
    statements,
    written,
)

SNAPSHOT = Ending({"at": 2}, snapshot=True)


def _count(store: SqlStore, table: sa.Table) -> int:
    with store.db.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_first_reading_stores_bodies_membership_and_cursor(world: World) -> None:
    """Bodies and members are there afterwards, the cursor moved, and the account is due."""
    ending = Ending({"token": "t1"}, snapshot=False, server_now=Instant(5))
    promoted = world.read_google(google("g1"), google("g2"), ending=ending)
    assert (promoted.changed, promoted.entered, promoted.left) == (2, 2, 0)
    row = world.store.source(GOOGLE, Side.GOOGLE)
    assert row.cursor == {"token": "t1"}
    assert row.revision == promoted.revision == 1
    assert (row.read_at, row.full_at) == (NOW, 0.0)
    stored = world.body(GOOGLE, "g1")
    assert stored is not None
    assert base_of(stored) == base_of(google("g1"))
    assert {u.stamp for u in stored.units} == {10}
    assert world.next_due() == NOW
    assert list(world.store.members(GOOGLE)) == ["g1", "g2"]
    assert world.store.known(GOOGLE, [rid("g1"), rid("nobody")]) == {"g1"}


def test_a_reading_that_changes_nothing_writes_one_update(world: World) -> None:
    """The same again: the row of the source is all that is written, and the revision stands."""
    world.linked_pair()
    world.add_account(ANN, GOOGLE, next_due=NOW + 900)
    before = world.revision(GOOGLE)
    with statements(world.store) as seen:
        promoted = world.read_google(google("g1"), ending=SNAPSHOT)
    assert len(written(seen)) == 1
    assert written(seen)[0].startswith("UPDATE source")
    assert promoted.changed == 0
    assert world.revision(GOOGLE) == before == promoted.revision
    assert world.next_due() == NOW + 900


def test_a_crm_reading_that_changes_nothing_writes_one_update(world: World) -> None:
    """Membership rows and keys that are the same are not written again either."""
    keys = (email_key("far", "far@example.com", "row1"),)
    complete = Ending({"at": 2}, snapshot=True, listed=(TAG,))
    world.read_crm(crm("c1"), keys=keys, ending=complete)
    with statements(world.store) as seen:
        world.read_crm(crm("c1"), keys=keys, ending=complete)
    assert len(written(seen)) == 1


def test_a_changed_body_first_becomes_the_base_of_its_links(world: World) -> None:
    """The old content is kept as the base of the link, and the link is work."""
    link = world.linked_pair()
    assert world.work() == []
    old = world.body(GOOGLE, "g1")
    assert old is not None
    world.read_google(google("g1", "2", stamp=20))
    assert world.work() == [("c1", "g1")]
    case = world.store.case(ANN, link.id)
    assert case.link is not None
    assert case.link.google_base == base_of(old)
    assert case.link.crm_base is None
    assert phone_of(case.google.record) == "2"


def test_a_second_change_leaves_the_first_base(world: World) -> None:
    """The base is what both agreed on, not what was there last."""
    link = world.linked_pair()
    world.read_google(google("g1", "2", stamp=20))
    world.read_google(google("g1", "3", stamp=30))
    held = world.store.case(ANN, link.id).link
    assert held is not None
    assert held.google_base == base_of(google("g1"))


def test_a_new_version_with_the_same_content_is_stored_but_is_no_work(world: World) -> None:
    """An echo moves the etag and nothing else."""
    world.linked_pair()
    before = world.revision(GOOGLE)
    promoted = world.read_google(google("g1", stamp=20))
    stored = world.body(GOOGLE, "g1")
    assert stored is not None
    assert stored.version == "etag-20"
    assert promoted.changed == 0
    assert world.revision(GOOGLE) == before
    assert world.work() == []


def test_an_unchanged_unit_keeps_its_stamp(world: World) -> None:
    """The stamp is the time of the value, not of the record's last touch."""
    world.read_google(google("g1", stamp=10))
    world.read_google(google("g1", "2", stamp=20))
    stored = world.body(GOOGLE, "g1")
    assert stored is not None
    stamps = {u.field: u.stamp for u in stored.units}
    assert stamps[Field.EMAIL] == 10
    assert stamps[Field.PHONE] == 20


def test_an_older_google_state_is_deferred(world: World) -> None:
    """A stale read changes nothing; the record is to be read again after the hold-off."""
    world.read_google(google("g1", "2", stamp=20))
    promoted = world.read_google(google("g1", "1", stamp=10, scopes=()))
    assert (promoted.stale, promoted.changed, promoted.left) == (1, 0, 0)
    assert phone_of(world.body(GOOGLE, "g1")) == "2"
    assert world.store.rechecks(GOOGLE, NOW + 899) == ()
    assert world.store.rechecks(GOOGLE, NOW + 900) == ("g1",)


def test_a_point_read_is_final(world: World) -> None:
    """What was deferred is settled by a point read, even to the older state, and is not asked for again."""
    world.read_google(google("g1", "2", stamp=20))
    world.read_google(google("g1", "1", stamp=10))
    changed = world.store.resolve_absent(world.google_lease, {rid("g1"): google("g1", "1", stamp=10)}, NOW + 901)
    assert changed == 1
    assert phone_of(world.body(GOOGLE, "g1")) == "1"
    assert world.store.rechecks(GOOGLE, NOW + 2000) == ()


def test_an_older_crm_state_is_taken(world: World) -> None:
    """The CRM serves no stale states; its stamps may go back (a restored record)."""
    world.read_crm(crm("c1", "2", stamp=20))
    world.read_crm(crm("c1", "1", stamp=10))
    assert phone_of(world.body(CRM, "c1")) == "1"


def test_a_contact_out_of_scope_leaves_its_keys_only(world: World) -> None:
    """No body is stored, but it is found as a partner."""
    world.read_google(google("far", scopes=()))
    assert world.body(GOOGLE, "far") is None
    key = (KeyKind.EMAIL, "far@example.com")
    assert world.store.candidates(GOOGLE, [key]) == {key: {"far"}}


def test_keys_are_stored_as_hashes_only(world: World) -> None:
    """Nobody can read an address out of the key table."""
    world.read_google(google("far", scopes=()))
    with world.store.db.read() as connection:
        rows = connection.execute(sa.select(match_key)).all()
    assert rows
    assert all(len(bytes(row.key)) == 16 and b"far@" not in bytes(row.key) for row in rows)


def test_a_contact_that_leaves_the_scope_without_a_link_is_forgotten(world: World) -> None:
    """Its body goes, its keys stay."""
    world.read_google(google("g1"))
    promoted = world.read_google(google("g1", stamp=20, scopes=()))
    assert promoted.left == 1
    assert world.body(GOOGLE, "g1") is None
    assert world.store.candidates(GOOGLE, [(KeyKind.EMAIL, "g1@example.com")])


def test_a_linked_contact_that_leaves_keeps_its_body_and_is_work(world: World) -> None:
    """The other side has to hear that it left."""
    world.linked_pair()
    world.read_google(google("g1", stamp=20, scopes=()))
    assert world.work() == [("c1", "g1")]
    assert world.body(GOOGLE, "g1") is not None


def test_keys_of_one_row_are_replaced_together(world: World) -> None:
    """A new reading of a row takes the place of its keys; other rows stand; an empty text only removes."""
    old, new, other = "old@example.com", "new@example.com", "other@example.com"
    world.read_crm(keys=(email_key("far", old, "r1"), email_key("far", other, "r2")))
    world.read_crm(keys=(email_key("far", new, "r1"),))
    asked = [(KeyKind.EMAIL, text) for text in (old, new, other)]
    assert [bool(world.store.candidates(CRM, [key])[key]) for key in asked] == [False, True, True]
    world.read_crm(keys=(email_key("far", "", "r1"),))
    assert [bool(world.store.candidates(CRM, [key])[key]) for key in asked] == [False, False, True]


def test_former_ids_survive_a_reading_of_the_body(world: World) -> None:
    """Ids that the CRM's old synchronisation remembered come apart from the body, and stay."""
    former = (KeyKind.FORMER, "abc")
    world.read_crm(keys=(KeyRow(rid("c1"), "", *former),))
    world.read_crm(crm("c1"))
    world.read_crm(crm("c1", "2", version="v2"))
    assert world.store.candidates(CRM, [former]) == {former: {"c1"}}
    key = (KeyKind.NAME, "c1 name")
    assert world.store.candidates(CRM, [key])[key] == {"c1"}


def test_a_tombstone_ends_membership_and_keeps_a_linked_body(world: World) -> None:
    """Deleted in Google: gone, in no scope, found by no key, and the link is work."""
    link = world.linked_pair()
    promoted = world.read_google(gone=(rid("g1"),))
    assert (promoted.changed, promoted.left) == (1, 1)
    case = world.store.case(ANN, link.id)
    assert case.google.gone
    assert case.google.record is not None
    assert case.google.pairs == ()
    assert world.work() == [("c1", "g1")]
    key = (KeyKind.EMAIL, "g1@example.com")
    assert world.store.candidates(GOOGLE, [key]) == {key: set()}
    assert world.store.bodies(GOOGLE, [rid("g1")]) == {}


def test_a_tombstone_of_a_stranger_changes_nothing(world: World) -> None:
    """Most deletions are of contacts that nobody follows."""
    before = world.revision(GOOGLE)
    promoted = world.read_google(gone=(rid("nobody"),))
    assert promoted.changed == 0
    assert world.revision(GOOGLE) == before


def test_a_contact_restored_from_the_trash_is_back(world: World) -> None:
    """It is not gone any more, and the link is at rest when its content is the same."""
    link = world.linked_pair()
    world.read_google(gone=(rid("g1"),))
    world.read_google(google("g1", stamp=20))
    case = world.store.case(ANN, link.id)
    assert not case.google.gone
    assert world.work() == []


def test_the_last_word_of_a_reading_counts(world: World) -> None:
    """Deleted on one page and there again on a later one: it is there."""
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    staging.add(Page(gone=(rid("g1"),)))
    staging.add(Page(records=(google("g1"),)))
    staging.promote(Ending({}, snapshot=False), [GROUP], NOW)
    assert world.body(GOOGLE, "g1") is not None


def test_absence_from_a_snapshot_is_a_question(world: World) -> None:
    """The absent record is reported and to be asked for; it is not gone."""
    world.linked_pair()
    promoted = world.read_google(ending=SNAPSHOT)
    assert promoted.absent == ("g1",)
    assert world.store.rechecks(GOOGLE, NOW) == ("g1",)
    assert world.work() == []
    assert world.store.source(GOOGLE, Side.GOOGLE).full_at == NOW


def test_absence_confirmed_by_a_point_read_is_gone(world: World) -> None:
    """The server says it does not exist: only now it is gone."""
    link = world.linked_pair()
    world.read_google(ending=SNAPSHOT)
    assert world.store.resolve_absent(world.google_lease, {rid("g1"): None}, NOW) == 2
    assert world.store.case(ANN, link.id).google.gone
    assert world.store.rechecks(GOOGLE, NOW) == ()
    assert world.work() == [("c1", "g1")]


def test_records_seen_by_their_keys_are_not_absent(world: World) -> None:
    """A full CRM reading gives keys alone for what left the scope."""
    world.linked_pair()
    ending = Ending({}, snapshot=True, listed=(TAG,))
    promoted = world.read_crm(keys=(email_key("c1", "x@example.com"),), members=["c1"], ending=ending)
    assert promoted.absent == ()


def test_a_complete_listing_ends_the_memberships_it_lacks(world: World) -> None:
    """A tag row that is not in the full list of its tag is gone; a partial list says nothing."""
    world.linked_pair()
    assert world.read_crm(members=[]).left == 0
    promoted = world.read_crm(members=[], ending=Ending({}, snapshot=False, listed=(TAG,)))
    assert promoted.left == 1
    assert world.work() == [("c1", "g1")]


def test_rows_of_a_membership_are_told_by_pair(world: World) -> None:
    """Whoever takes a tag off needs the ids of all its rows."""
    link = world.linked_pair()
    staging = world.store.stage(world.crm_lease, Side.CRM)
    staging.add(Page(members=(Member(TAG, rid("c1"), ("r1", "r2")),)))
    staging.promote(Ending({}, snapshot=False), [TAG], NOW)
    assert world.store.case(ANN, link.id).crm.rows == {0: ("r1", "r2")}


def test_scopes_nobody_wants_are_not_stored(world: World) -> None:
    """A contact is in many groups; only those of some account count."""
    world.read_google(google("g1", scopes=(GROUP, "contactGroups/other")))
    with world.store.db.read() as connection:
        assert connection.execute(sa.select(membership.c.scope)).scalars().all() == [GROUP]


def test_a_scope_no_longer_wanted_goes_with_the_next_snapshot(world: World) -> None:
    """Bodies that only it contained go with it."""
    world.read_google(google("g1"))
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    staging.add(Page(records=(google("g1", scopes=(GROUP,)),)))
    staging.promote(SNAPSHOT, [ScopeId("contactGroups/new")], NOW)
    assert _count(world.store, membership) == 0
    assert _count(world.store, record_table) == 0


def test_a_renamed_record_takes_everything_along(world: World) -> None:
    """Body, membership, keys and link follow the new id, and nothing is to be done."""
    link = world.linked_pair()
    world.read_google(google("new", stamp=20), renamed=((rid("g1"), rid("new")),))
    case = world.store.case(ANN, link.id)
    assert case.link is not None
    assert case.link.google_id == "new"
    assert case.google.pairs == (0,)
    assert world.store.presence(ANN, Side.GOOGLE, [rid("g1")])[rid("g1")].record is None
    assert world.store.candidates(GOOGLE, [(KeyKind.EMAIL, "g1@example.com")]) == {
        (KeyKind.EMAIL, "g1@example.com"): set()
    }


def test_two_records_renamed_into_one_keep_their_account_s_links_apart(world: World) -> None:
    """Where the account links the survivor already, the other link stays where it was and is seen to."""
    first = world.linked_pair("c1", "g1")
    second = world.linked_pair("c2", "g2")
    world.read_google(google("g2", stamp=20), renamed=((rid("g1"), rid("g2")),))
    links = world.store.links_of(ANN, Side.GOOGLE, [rid("g1"), rid("g2")])
    assert {i: link.id for i, link in links.items()} == {"g1": first.id, "g2": second.id}
    assert ("c1", "g1") in world.work()


def test_a_parked_link_whose_record_comes_back_is_work(world: World) -> None:
    """The same link comes alive again; while parked, edits alone are no work."""
    world.read_crm(crm("c1"), members=[])
    world.read_google(google("g1", scopes=()))
    world.link("c1", "g1", state=LinkState.PARKED, pairs=())
    world.read_google(google("g1", "2", stamp=20, scopes=()))
    assert world.work() == []
    world.read_google(google("g1", "2", stamp=30))
    assert world.work() == [("c1", "g1")]


def test_a_lost_lease_stores_nothing(world: World) -> None:
    """A worker that was overtaken cannot promote what it read, however far it came."""
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    staging.add(Page(records=(google("g1"),)))
    world.store.lease(GOOGLE, "other", NOW + 2000, NOW + 601)
    with pytest.raises(LeaseLost):
        staging.promote(SNAPSHOT, [GROUP], NOW)
    assert world.body(GOOGLE, "g1") is None
    assert world.store.source(GOOGLE, Side.GOOGLE).cursor is None


def test_a_large_reading_spills_and_is_promoted_whole(world: World) -> None:
    """Beyond a thousand records the reading waits in a table, which is empty afterwards."""
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    for start in range(0, 2_500, 500):
        staging.add(Page(records=tuple(google(f"g{n:05}") for n in range(start, start + 500))))
        assert world.store.known(GOOGLE, [rid("g00000")]) == set()
    assert _count(world.store, staged) > 0
    promoted = staging.promote(SNAPSHOT, [GROUP], NOW)
    assert promoted.changed == promoted.entered == 2_500
    assert _count(world.store, staged) == 0
    assert len(list(world.store.members(GOOGLE))) == 2_500
    assert len(list(world.store.work(ANN))) == 2_500


def test_a_large_snapshot_finds_its_absentees(world: World) -> None:
    """Also when the reading lies in the table and not in memory."""
    world.read_google(google("lost"))
    staging = world.store.stage(world.google_lease, Side.GOOGLE)
    staging.add(Page(records=tuple(google(f"g{n}") for n in range(1_200))))
    assert staging.promote(SNAPSHOT, [GROUP], NOW).absent == ("lost",)


def test_what_a_dead_reading_spilled_does_not_count(world: World) -> None:
    """A crash in mid-reading leaves rows behind; the next reading begins without them."""
    dead = world.store.stage(world.google_lease, Side.GOOGLE)
    dead.add(Page(records=tuple(google(f"dead{n}") for n in range(1_000))))
    fresh = world.store.stage(world.google_lease, Side.GOOGLE)
    fresh.add(Page(records=tuple(google(f"g{n}") for n in range(1_000))))
    assert fresh.promote(SNAPSHOT, [GROUP], NOW).changed == 1_000
    assert world.body(GOOGLE, "dead1") is None


LARGE = """
import resource, sys
from pathlib import Path
from state.store import SqlStore
from syncd.core.contact import FIELD_MASK, Field, Instant, Record, Side, Unit
from syncd.core.ports import Ending, Page
from tests.state.world import ANN, GROUP, NOW, World, rid

def heavy(n):
    units = (Unit(Field.NAME, ("A", "", f"B{n}")), Unit(Field.NOTES, (f"{n}" * 300,)))
    return Record(rid(f"g{n:05}"), "e", units, FIELD_MASK, Instant(1), (GROUP,))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

world = World(SqlStore.open(sys.argv[1], beside=Path(sys.argv[2])))
staging = world.store.stage(world.google_lease, Side.GOOGLE)
staging.add(Page(records=tuple(heavy(n) for n in range(999))))
before = peak()
for start in range(0, 25_000, 500):
    staging.add(Page(records=tuple(heavy(n) for n in range(start, start + 500))))
promoted = staging.promote(Ending({}, snapshot=True), [GROUP], NOW)
newcomers = sum(1 for _ in world.store.work(ANN))
print(promoted.changed, newcomers, peak() - before)
"""


@pytest.mark.slow
def test_25000_records_are_promoted_in_bounded_memory(url: str, tmp_path: Path) -> None:
    """A reading of 25,000 contacts (well over 100 MB as objects) takes tens of megabytes, and so does planning it."""
    command = [sys.executable, "-c", LARGE, url, str(tmp_path / "beside")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    changed, newcomers, megabytes = map(int, done.stdout.split())
    assert (changed, newcomers) == (25_000, 25_000)
    assert megabytes < 60


def test_the_drift_of_links_is_what_their_members_say(world: World) -> None:
    """After a mix of readings the stored flag equals the truth computed anew."""
    for n in range(6):
        world.linked_pair(f"c{n}", f"g{n}")
    world.read_google(google("g0", stamp=20, scopes=()), google("g1", "9", stamp=20), gone=(rid("g2"),))
    world.read_crm(members=[f"c{n}" for n in range(5)], ending=Ending({}, snapshot=False, listed=(TAG,)))
    with world.store.db.read() as connection:
        rows = connection.execute(sa.select(link_table.c.id, link_table.c.adrift, truth().label("truth"))).all()
    assert len(rows) == 6
    assert all(bool(row.adrift) == bool(row.truth) for row in rows)
    assert {bool(row.adrift) for row in rows} == {True, False}
    assert _count(world.store, recheck) == 0


def test_an_index_finds_the_work(tmp_path: Path) -> None:
    """SQLite answers the question for dirty links from the partial index."""
    store = SqlStore.open(f"sqlite:///{tmp_path}/s.db")
    world = World(store)
    world.linked_pair()
    with store.db.read() as connection:
        query = sa.select(link_table).where(link_table.c.account == "ann", DIRTY).where(link_table.c.id > 0)
        sql = query.order_by(link_table.c.id).limit(10).compile(connection, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
    store.close()
    assert any("ix_link_dirty" in str(row) for row in plan)
