"""Google keeps the contract of every remote; its user works in the sandbox's address book by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from adapters.google.adapter import GooglePeople
from adapters.google.body import created
from syncd.core.contact import RecordId, ScopeId, Unit
from syncd.core.ports import Create, Remote
from tests.adapters.contract import RemoteContract
from tests.adapters.google.conftest import World, ident


@dataclass
class GoogleBench:
    """The adapter, and the person at the web page of Google Contacts."""

    google: GooglePeople
    world: World

    @property
    def remote(self) -> Remote:
        return self.google

    def make(self, *units: Unit, scope: ScopeId | None = None) -> RecordId:
        body = created(Create("", None, "", units, ()))
        record = ident(self.world.user.create({k: v for k, v in body.items() if k != "clientData"}))
        if scope is not None:
            self.join(record, scope)
        return record

    def add_note(self, record: RecordId, text: str) -> None:
        self.world.user.edit(self._name(record), biographies=[{"value": text}])

    def remove(self, record: RecordId) -> None:
        self.world.user.delete(self._name(record))

    def join(self, record: RecordId, scope: ScopeId) -> None:
        self._relabel(record, scope, add=True)

    def part(self, record: RecordId, scope: ScopeId) -> None:
        self._relabel(record, scope, add=False)

    def _relabel(self, record: RecordId, scope: ScopeId, *, add: bool) -> None:
        groups = {m for m in self.world.named(record)["memberships"] if m != scope} | ({scope} if add else set())
        self.world.user.edit(
            self._name(record),
            memberships=[{"contactGroupMembership": {"contactGroupResourceName": g}} for g in sorted(groups)],
        )

    def _name(self, record: RecordId) -> str:
        return f"people/c{int(record, 16)}"


CONTESTED: dict[str, dict[str, object]] = {
    "as the sandbox has it": {},
    "the other way": {
        "noop_update_bumps": False, "shuffled_items": False, "strip_values": False, "dedupe_values": True,
        "split_unstructured": False, "fill_country": True, "create_adds_my_contacts": True, "empty_pages": True,
        "overlap_pages": 3, "page_size_bound": False, "legacy_errors_list": True, "gzip": False,
        "missing_etag_status": "FAILED_PRECONDITION", "missing_etag_batch_status": "INVALID_ARGUMENT",
    },
    "labels hidden": {"members_modify_bumps": False, "label_changes_in_delta": False},
}  # fmt: skip
"""What nobody could confirm about Google, each way."""


class TestGoogle(RemoteContract):
    """The claims of `RemoteContract`, whichever way Google turns out to be."""

    @pytest.fixture(params=sorted(CONTESTED))
    def bench(self, request: pytest.FixtureRequest, world: World, remote: GooglePeople) -> GoogleBench:
        world.google.switches.group_names_fold_case = False  # else "Friends" is taken by a system group of old times
        world.google.switches.turn(CONTESTED[request.param])
        remote.members_by_list = request.param == "labels hidden"
        return GoogleBench(remote, world)
