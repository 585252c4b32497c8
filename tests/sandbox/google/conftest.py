"""One port for all tests; behind it a fresh sandbox with a stopped clock for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from syncd.sandbox.wire import Clock, Reply, Request
from tests.sandbox.google.calling import Api, people_service

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_800_000_000.0


class Switchboard:
    """Passes requests on to the sandbox of the running test."""

    current: GoogleSandbox

    def handle(self, request: Request, _: Clock) -> Reply:
        return self.current.handle(request, self.current.clock)


@pytest.fixture(scope="session")
def switchboard() -> Switchboard:
    """Where the port leads."""
    return Switchboard()


@pytest.fixture(scope="session")
def site(switchboard: Switchboard) -> Iterator[Served]:
    """The port."""
    with Served(switchboard.handle, Clock(START, freeze=True)) as served:
        yield served


@pytest.fixture
def google(switchboard: Switchboard) -> GoogleSandbox:
    """A fresh sandbox; only the test moves its clock."""
    switchboard.current = GoogleSandbox(Clock(START, freeze=True))
    return switchboard.current


@pytest.fixture
def ada(google: GoogleSandbox) -> User:
    """A user."""
    return google.add_user("ada@example.test", "Ada Lovelace")


@pytest.fixture
def token(google: GoogleSandbox, ada: User) -> str:
    """An access token of hers for contacts, which outlives every test."""
    usual = google.switches.access_token_lifetime
    google.switches.access_token_lifetime = 10**9
    issued = google.issue_tokens(ada.email)["access_token"]
    google.switches.access_token_lifetime = usual
    return str(issued)


@pytest.fixture
def api(site: Served, token: str) -> Iterator[Api]:
    """Plain HTTP in her name."""
    caller = Api(site.port, token)
    yield caller
    caller.close()


@pytest.fixture
def service(site: Served, token: str) -> Iterator[Any]:
    """Google's own client in her name."""
    with people_service(site.url, token) as built:
        yield built


@pytest.fixture
def people(service: Any) -> Any:
    """Its calls on people."""
    return service.people()


@pytest.fixture
def groups(service: Any) -> Any:
    """Its calls on groups."""
    return service.contactGroups()
