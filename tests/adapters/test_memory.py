"""The in-memory adapter keeps the contract, on either side."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

from adapters.memory import Memory
from syncd.core.contact import Field, RecordId, ScopeId, Side, Unit
from tests.adapters.contract import RemoteContract


@dataclass
class MemoryBench:
    remote: Memory

    def make(self, *units: Unit, scope: ScopeId | None = None) -> RecordId:
        record = self.remote.edit(None, *units)
        if scope is not None:
            self.remote.join(record, scope)
        return record

    def add_note(self, record: RecordId, text: str) -> None:
        units = [msgspec.structs.replace(u) for u in self.remote.records[record].units]
        self.remote.edit(record, *units, Unit(Field.NOTES, (text,)))

    def remove(self, record: RecordId) -> None:
        self.remote.remove(record)

    def join(self, record: RecordId, scope: ScopeId) -> None:
        self.remote.join(record, scope)

    def part(self, record: RecordId, scope: ScopeId) -> None:
        self.remote.part(record, scope)


class TestMemory(RemoteContract):
    @pytest.fixture(params=list(Side))
    def bench(self, request: pytest.FixtureRequest) -> MemoryBench:
        return MemoryBench(Memory(request.param))
