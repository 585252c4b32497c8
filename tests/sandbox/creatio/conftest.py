"""A sandbox CRM on a loopback port with a clock that only the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from syncd.sandbox.creatio import CreatioSandbox, Profile
from syncd.sandbox.shell import Served
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import Client


@pytest.fixture
def profile() -> Profile:
    """The strictest likely installation."""
    return Profile()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock(1_800_000_000.0, freeze=True)


@pytest.fixture
def crm(clock: Clock, profile: Profile) -> CreatioSandbox:
    """The server itself, with an OAuth client that acts as the Supervisor."""
    crm = CreatioSandbox(clock, profile)
    crm.add_client("app", "secret")
    return crm


@pytest.fixture
def served(crm: CreatioSandbox, clock: Clock) -> Iterator[Served]:
    """The server on a port."""
    with Served(crm.handle, clock) as served:
        yield served


@pytest.fixture
def anyone(crm: CreatioSandbox, served: Served) -> Iterator[Client]:
    """A client not signed in."""
    client = Client(crm, served)
    yield client
    client.close()


@pytest.fixture
def api(anyone: Client) -> Client:
    """A client with the Supervisor's token."""
    assert anyone.token().status == 200
    return anyone
