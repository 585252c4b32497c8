"""Leases and source rows: one worker at a time, and whoever was overtaken is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from state.store import SqlStore
from syncd.core.contact import RecordId, Side, SourceId
from syncd.core.errors import Busy, ContractBroken, LeaseLost
from syncd.core.ports import Lease
from tests.state.world import ANN, CRM, GOOGLE, NOW, World


@pytest.fixture
def second(url: str, store: SqlStore) -> Iterator[SqlStore]:
    """The same database opened once more, as another process does."""
    opened = SqlStore(url)
    yield opened
    opened.close()


def test_an_unknown_source_has_never_been_read(store: SqlStore) -> None:
    """It is due, has no cursor, and asking for it writes nothing."""
    row = store.source(CRM, Side.CRM)
    assert (row.cursor, row.revision, row.read_at, row.next_due, row.facts) == (None, 0, 0, 0, {})
    assert store.due_sources(NOW, Side.CRM) == ()


def test_a_lease_is_held_by_one(store: SqlStore, second: SqlStore) -> None:
    """A second process is told who is at work, and how long to wait at most."""
    store.lease(CRM, "first", NOW + 60, NOW)
    with pytest.raises(Busy) as caught:
        second.lease(CRM, "second", NOW + 60, NOW + 20)
    assert "first" in str(caught.value)
    assert caught.value.after == 40


def test_the_same_owner_does_not_get_a_lease_twice(store: SqlStore) -> None:
    """Two threads of one worker are two workers."""
    store.lease(CRM, "me", NOW + 60, NOW)
    with pytest.raises(Busy):
        store.lease(CRM, "me", NOW + 60, NOW)


def test_a_lease_that_ran_out_is_taken_over(store: SqlStore, second: SqlStore) -> None:
    """The epoch grows, and the old holder can neither renew nor write."""
    old = store.lease(CRM, "first", NOW + 60, NOW)
    new = second.lease(CRM, "second", NOW + 200, NOW + 60)
    assert new.epoch == old.epoch + 1
    with pytest.raises(LeaseLost):
        store.renew(old, NOW + 300)
    with pytest.raises(LeaseLost):
        store.resolve_absent(old, {RecordId("x"): None}, NOW)
    second.renew(new, NOW + 300)
    with pytest.raises(Busy):
        store.lease(CRM, "third", NOW + 400, NOW + 250)


def test_a_late_release_frees_nobody_elses_lease(store: SqlStore) -> None:
    """Giving back what was lost is silent and does nothing."""
    old = store.lease(CRM, "first", NOW + 60, NOW)
    store.lease(CRM, "second", NOW + 200, NOW + 60)
    store.release(old)
    with pytest.raises(Busy):
        store.lease(CRM, "third", NOW + 200, NOW + 61)


def test_a_released_lease_is_free(store: SqlStore) -> None:
    """With a new epoch: what the last holder still has in hand is void."""
    first = store.lease(CRM, "first", NOW + 60, NOW)
    store.release(first)
    assert store.lease(CRM, "second", NOW + 60, NOW).epoch == first.epoch + 1


def test_a_lease_from_nowhere_is_lost(store: SqlStore) -> None:
    """A source that does not exist has no epoch to match."""
    with pytest.raises(LeaseLost):
        store.resolve_absent(Lease(GOOGLE, "me", 1), {}, NOW)


def test_a_source_without_a_side_is_refused(store: SqlStore) -> None:
    """Ids begin with the side they are on."""
    with pytest.raises(ContractBroken):
        store.lease(SourceId("nonsense"), "me", NOW + 1, NOW)


def test_facts_are_merged(store: SqlStore) -> None:
    """New ones come, old ones stay, None forgets; dates come along when they are given."""
    store.note(CRM, {"a": 1, "b": [2]})
    store.note(CRM, {"a": None, "c": {"d": 3}}, next_due=NOW, failures=2)
    row = store.source(CRM, Side.CRM)
    assert row.facts == {"b": [2], "c": {"d": 3}}
    assert (row.next_due, row.failures) == (NOW, 2)
    assert store.due_sources(NOW, Side.CRM) == (CRM,)
    assert store.due_sources(NOW - 1, Side.CRM) == ()
    assert store.due_sources(NOW, Side.GOOGLE) == ()


def test_two_processes_read_what_the_other_wrote(world: World, second: SqlStore) -> None:
    """Nothing is cached between calls."""
    link = world.linked_pair()
    assert second.case(ANN, link.id).link == link
