"""The booted machine, one for all tests that only need it up; each brings the service into the state it wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systemd.machine import Machine, booted, missing


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if reason := missing():
        pytest.skip(reason)
    yield from booted(tmp_path_factory.mktemp("machine"))
