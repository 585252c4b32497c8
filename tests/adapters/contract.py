"""One suite for every adapter. A bench plays the user on the other end; the claims are those of `ports.Remote`.

A test file subclasses `RemoteContract` and gives a `bench` fixture. What a system cannot do is read from its
`Capabilities`, never from its name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import pytest

from syncd.core.contact import Field, Record, RecordId, ScopeId, Side, Unit
from syncd.core.delta import digest
from syncd.core.fields import project
from syncd.core.ports import (
    Create,
    Done,
    Ending,
    Enter,
    Interest,
    Leave,
    Missing,
    Outcome,
    Page,
    Remote,
    ScopeWish,
    Stale,
    Update,
    Write,
)
from syncd.core.step import Change, Why


class Bench(Protocol):
    """A remote, and what its users do behind its back."""

    remote: Remote

    def make(self, *units: Unit, scope: ScopeId | None = None) -> RecordId: ...
    def add_note(self, record: RecordId, text: str) -> None: ...
    def remove(self, record: RecordId) -> None: ...
    def join(self, record: RecordId, scope: ScopeId) -> None: ...
    def part(self, record: RecordId, scope: ScopeId) -> None: ...


NAME = Unit(Field.NAME, ("Ann", "B", "Lee"))
EMAIL = Unit(Field.EMAIL, ("ann@example.com",), "work")
PHONE = Unit(Field.PHONE, ("+1 202 555 0100",), "mobile")
NOTES = Unit(Field.NOTES, ("likes tea",))
BIRTHDAY = Unit(Field.BIRTHDAY, ("1980", "5", "1"))
EVERYTHING = (
    NAME,
    EMAIL,
    Unit(Field.EMAIL, ("second@example.com",), "home"),
    PHONE,
    Unit(Field.PHONE, ("+1 202 555 0101",), "work"),
    Unit(Field.PHONE, ("+1 202 555 0102",), "home"),
    Unit(Field.URL, ("https://ann.example",), "homePage"),
    Unit(Field.IM, ("ann.lee",), "skype"),
    NOTES,
    BIRTHDAY,
)


class Heard:
    """A whole reading, gathered."""

    def __init__(self, pages: Iterable[Page], ending: Ending) -> None:
        self.pages, self.ending = list(pages), ending
        self.records = {r.id: r for p in self.pages for r in p.records}
        self.gone = {g for p in self.pages for g in p.gone}
        self.listed = {(m.scope, m.record) for p in self.pages for m in p.members}

    def members(self, scope: ScopeId) -> set[RecordId]:
        told = {r.id for r in self.records.values() if r.scopes is not None and scope in r.scopes}
        return told | {record for s, record in self.listed if s == scope}


def hear(
    remote: Remote,
    cursor: Mapping[str, Any] | None,
    scope: ScopeId,
    known: Iterable[RecordId] = (),
    *,
    fresh: bool = False,
) -> Heard:
    stored = set(known)
    interest = Interest((scope,), lambda ids: stored & set(ids), lambda: iter(sorted(stored)), fresh=fresh)
    reading = remote.read(cursor, interest)
    pages = list(reading)
    return Heard(pages, reading.ending)


def send(remote: Remote, *writes: Write) -> list[Outcome]:
    return [outcome for call in remote.split(writes) for outcome in remote.send(call)]


def created(remote: Remote, scope: ScopeId, *units: Unit) -> Record:
    outcome = send(remote, _create(remote, scope, *units))[0]
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


def _create(remote: Remote, scope: ScopeId, *units: Unit) -> Create:
    own = RecordId(str(uuid.uuid4())) if remote.capabilities.own_ids else None
    anchor = f"1/abc/{uuid.uuid4()}/{uuid.uuid4().hex}" if remote.side is Side.GOOGLE else ""
    held = tuple(p for u in units if (p := project(u, remote.capabilities)) is not None)
    return Create(uuid.uuid4().hex, own, anchor, held, (scope,))


def said(record: Record, remote: Remote) -> set[tuple[str, str, tuple[str, ...]]]:
    """What the record says, as far as that side can hold it."""
    held = [p for u in record.units if any(u.value) and (p := project(u, remote.capabilities)) is not None]
    return {(u.field.value, u.label if u.field is not Field.URL else "", u.value) for u in held}


def expected(units: Iterable[Unit], remote: Remote) -> set[tuple[str, str, tuple[str, ...]]]:
    return said(Record(RecordId("x"), "", tuple(units), ()), remote)


def unit_of(record: Record, field: Field, value: str = "") -> Unit:
    return next(u for u in record.units if u.field is field and (not value or u.value[0] == value))


class RemoteContract:
    """The claims. `scope` is a tag or group that exists."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        raise LookupError

    @pytest.fixture
    def scope(self, bench: Bench) -> ScopeId:
        return bench.remote.resolve(ScopeWish("Friends"))

    def test_scope_asked_for_twice_is_one(self, bench: Bench, scope: ScopeId) -> None:
        """A scope is made once and known by its id."""
        assert bench.remote.resolve(ScopeWish("Friends")) == scope
        info = bench.remote.scope(scope)
        assert info is not None
        assert info.name == "Friends"

    def test_full_reading_tells_every_member(self, bench: Bench, scope: ScopeId) -> None:
        """A snapshot has the bodies and the membership of all in scope."""
        ids = {bench.make(NAME, EMAIL, scope=scope) for _ in range(3)}
        bench.make(Unit(Field.NAME, ("Out", "", "Side")))
        heard = hear(bench.remote, None, scope)
        assert heard.ending.snapshot
        assert heard.members(scope) == ids
        assert ids <= heard.records.keys()

    def test_nothing_new_tells_nothing(self, bench: Bench, scope: ScopeId) -> None:
        """A second reading from the cursor has no content that differs, and moves nobody."""
        record = bench.make(NAME, EMAIL, scope=scope)
        first = hear(bench.remote, None, scope)
        again = hear(bench.remote, first.ending.cursor, scope, [record])
        assert {i: digest(r) for i, r in again.records.items()} == {i: digest(first.records[i]) for i in again.records}
        assert not again.gone

    def test_edit_is_told(self, bench: Bench, scope: ScopeId) -> None:
        """A user's edit comes with the next reading."""
        record = bench.make(NAME, EMAIL, scope=scope)
        first = hear(bench.remote, None, scope)
        bench.add_note(record, "met in Rome")
        again = hear(bench.remote, first.ending.cursor, scope, [record])
        assert unit_of(again.records[record], Field.NOTES).value == ("met in Rome",)

    def test_newcomer_to_the_scope_is_told_with_its_body(self, bench: Bench, scope: ScopeId) -> None:
        """Entering a scope is seen although the contact itself did not change."""
        record = bench.make(NAME, EMAIL)
        first = hear(bench.remote, None, scope)
        bench.join(record, scope)
        again = hear(bench.remote, first.ending.cursor, scope)
        assert record in again.members(scope)
        assert record in again.records

    def test_leaver_is_seen(self, bench: Bench, scope: ScopeId) -> None:
        """Leaving a scope is seen: the record says so, or the complete list lacks it."""
        stays, leaves = bench.make(NAME, EMAIL, scope=scope), bench.make(NAME, PHONE, scope=scope)
        first = hear(bench.remote, None, scope)
        bench.part(leaves, scope)
        again = hear(bench.remote, first.ending.cursor, scope, [stays, leaves], fresh=True)
        assert leaves not in again.members(scope)
        told = leaves in again.records and again.records[leaves].scopes is not None
        assert told or scope in again.ending.listed

    def test_deleted_record_is_gone_to_a_point_read(self, bench: Bench, scope: ScopeId) -> None:
        """What was deleted reads as None; what is there reads as it is."""
        stays, goes = bench.make(NAME, EMAIL, scope=scope), bench.make(NAME, PHONE, scope=scope)
        bench.remove(goes)
        found = bench.remote.fetch([stays, goes])
        assert found[goes] is None
        assert found[stays] is not None

    def test_written_contact_reads_as_written(self, bench: Bench, scope: ScopeId) -> None:
        """project(read(write(c))) == project(c), for every default field."""
        record = created(bench.remote, scope, *EVERYTHING)
        assert said(record, bench.remote) == expected(EVERYTHING, bench.remote)
        again = bench.remote.fetch([record.id])[record.id]
        assert again is not None
        assert digest(again) == digest(record)

    @pytest.mark.parametrize(
        "text", ["李小龍", "Łukasz", "👩‍🚀 Ann", "عبد الله", 'O\'Brien & "Sons" <x>', "a;b,c=d+e%20#f", "line\nbreak"]
    )
    def test_any_script_survives(self, bench: Bench, scope: ScopeId, text: str) -> None:
        """Names and notes in any script come back as they were sent."""
        units = (Unit(Field.NAME, (text.replace("\n", " "), "", "X")), Unit(Field.NOTES, (text,)))
        assert said(created(bench.remote, scope, *units), bench.remote) == expected(units, bench.remote)

    def test_created_record_is_in_scope(self, bench: Bench, scope: ScopeId) -> None:
        """A record is born into its scope."""
        record = created(bench.remote, scope, NAME, EMAIL)
        assert record.id in hear(bench.remote, None, scope).members(scope)

    def test_update_touches_only_what_it_names(self, bench: Bench, scope: ScopeId) -> None:
        """One unit edited, one added, one removed; all others stay."""
        record = created(bench.remote, scope, *EVERYTHING)
        old, gone = unit_of(record, Field.PHONE, PHONE.value[0]), unit_of(record, Field.EMAIL, "second@example.com")
        new = Unit(Field.PHONE, ("+1 202 555 0199",), old.label)
        more = Unit(Field.PHONE, ("+1 202 555 0177",), "other")
        changes = (
            Change(Field.PHONE, old, new, Why.CHANGED),
            Change(Field.PHONE, None, more, Why.CHANGED),
            Change(Field.EMAIL, gone, None, Why.CHANGED),
        )
        outcome = send(bench.remote, Update(record, changes, uuid.uuid4().hex))[0]
        assert isinstance(outcome, Done), outcome
        assert outcome.record is not None
        kept = [u for u in EVERYTHING if u.value not in (PHONE.value, ("second@example.com",))]
        assert said(outcome.record, bench.remote) == expected((*kept, new, more), bench.remote)

    def test_emptied_single_field_reads_empty(self, bench: Bench, scope: ScopeId) -> None:
        """Notes taken away are away."""
        record = created(bench.remote, scope, NAME, EMAIL, NOTES)
        change = Change(Field.NOTES, unit_of(record, Field.NOTES), None, Why.CHANGED)
        outcome = send(bench.remote, Update(record, (change,), uuid.uuid4().hex))[0]
        assert isinstance(outcome, Done), outcome
        assert outcome.record is not None
        assert said(outcome.record, bench.remote) == expected((NAME, EMAIL), bench.remote)

    def test_update_against_an_old_version_is_refused(self, bench: Bench, scope: ScopeId) -> None:
        """Where the server guards versions, an edit in between makes the write stale."""
        if not bench.remote.capabilities.guarded:
            pytest.skip("this side has no versions to check")
        record = created(bench.remote, scope, NAME, EMAIL)
        bench.add_note(record.id, "meanwhile")
        change = Change(Field.PHONE, None, PHONE, Why.CHANGED)
        assert isinstance(send(bench.remote, Update(record, (change,), "i"))[0], Stale)

    def test_update_of_a_deleted_record_is_missing(self, bench: Bench, scope: ScopeId) -> None:
        """Nothing is made anew by an update."""
        record = created(bench.remote, scope, NAME, EMAIL)
        bench.remove(record.id)
        change = Change(Field.PHONE, None, PHONE, Why.CHANGED)
        assert isinstance(send(bench.remote, Update(record, (change,), "i"))[0], Missing)

    def test_entering_twice_is_one_membership(self, bench: Bench, scope: ScopeId) -> None:
        """Enter is idempotent."""
        record = bench.make(NAME, EMAIL)
        outcomes = [*send(bench.remote, Enter(record, scope, "i")), *send(bench.remote, Enter(record, scope, "i"))]
        assert all(isinstance(o, Done) for o in outcomes), outcomes
        assert record in hear(bench.remote, None, scope).members(scope)

    def test_leaving_keeps_the_contact(self, bench: Bench, scope: ScopeId) -> None:
        """Leave takes the record out of the scope, twice if asked, and the record stays."""
        record = created(bench.remote, scope, NAME, EMAIL)
        outcomes = [*send(bench.remote, Leave(record.id, scope)), *send(bench.remote, Leave(record.id, scope))]
        assert all(isinstance(o, Done) for o in outcomes), outcomes
        assert record.id not in hear(bench.remote, None, scope).members(scope)
        assert bench.remote.fetch([record.id])[record.id] is not None

    def test_create_sent_again_makes_no_second(self, bench: Bench, scope: ScopeId) -> None:
        """Where ids are ours, the same create again finds the record that is there."""
        if not bench.remote.capabilities.own_ids:
            pytest.skip("this side chooses the ids")
        create = _create(bench.remote, scope, NAME, EMAIL, PHONE)
        first, second = send(bench.remote, create)[0], send(bench.remote, create)[0]
        assert isinstance(first, Done)
        assert isinstance(second, Done), second
        assert len(hear(bench.remote, None, scope).members(scope)) == 1

    def test_calls_keep_to_the_batch_sizes(self, bench: Bench, scope: ScopeId) -> None:
        """No call is larger than the side takes, and none is lost."""
        writes = [_create(bench.remote, scope, NAME) for _ in range(450)]
        calls = bench.remote.split(writes)
        assert max(len(c) for c in calls) <= bench.remote.capabilities.create_batch
        assert [w for c in calls for w in c] == writes
