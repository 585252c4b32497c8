"""The adapter over real HTTP, and as the port that the engine knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.creatio import Creatio, CreatioSettings
from adapters.http import HttpTransport
from syncd.core.contact import Field, Unit
from syncd.core.ports import Done, Remote, ScopeWish, Unknown
from syncd.sandbox.shell import Served
from tests.adapters.creatio.world import World, create

NEW = "11111111-2222-4333-8444-555555555555"
UNITS = [Unit(Field.NAME, ("Zoë", "", "Žák")), Unit(Field.EMAIL, ("zoe@x.test",), primary=True)]


@pytest.fixture
def served(world: World) -> Iterator[World]:
    """The same world behind a socket."""
    with Served(world.crm.handle, world.crm.clock) as server:
        transport = HttpTransport()
        settings = CreatioSettings(server.url + "/", username="Supervisor", password="Supervisor")
        world.remote = Creatio(settings, transport, sleep=lambda _: None)
        yield world
        world.remote.close()
        transport.close()


def test_reading_and_writing_over_http(served: World) -> None:
    """Cookies, encodings and batches survive the wire."""
    bob = served.add(Name="Łukasz 🌍", GivenName="Łukasz", Surname="🌍", emails=["l@x.test"])
    assert served.remote.resolve(ScopeWish("Google", "Anna Adams")) == served.tag
    assert served.pull().records[bob].units[0].value == ("Łukasz", "", "🌍")
    assert served.sent(create(NEW, UNITS, [served.tag])).units[0].value == ("Zoë", "", "Žák")
    assert NEW in served.pull().records


@pytest.mark.parametrize("kind", ["reset", "drop", "truncate", "truncate_silent"])
def test_reply_lost_on_the_wire_is_unknown_and_sent_once(served: World, kind: str) -> None:
    """No library below us sends a POST again by itself."""
    served.pull()
    served.crm.reset_log()
    served.fault(kind, target=r"\$batch")
    write = create(NEW, UNITS, [served.tag])
    assert isinstance(served.send(write)[0], Unknown)
    assert [e.method for e in served.crm.log if "$batch" in e.target] == ["POST"]
    assert isinstance(served.send(write)[0], Done)


def test_adapter_is_a_remote(world: World) -> None:
    """The type checker holds it against the port."""
    remote: Remote = world.remote
    assert remote.capabilities.own_ids
    assert not remote.capabilities.guarded
