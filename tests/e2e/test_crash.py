"""Lost replies and killed daemons: nothing is lost, nothing is made twice."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from syncd.cli.demo.stage import ANNA
from syncd.core.errors import SyncError
from syncd.sandbox.faults import Faults, Rule
from tests.e2e.conftest import Opener
from tests.e2e.world import World

HOLD_OFF = 1_000.0


@pytest.mark.every_dress
@pytest.mark.parametrize("kind", ["drop", "500"])
def test_lost_reply_to_a_google_create_makes_no_twin(world: World, kind: str) -> None:
    """The contacts were made and the reply got lost: they are found by their markers, not made again."""
    for at in range(3):
        world.crm_contact(f"Given{at}", "Smith", by="anna", email=f"p{at}@example.org")
    world.google.faults.add(Rule(kind, target="batchCreateContacts", after=True))
    report = world.run()
    assert world.google.faults.hits[kind] == 1
    assert len(world.people()) == 3, report
    for _ in range(2):
        world.later(HOLD_OFF)
        world.sync()
    assert len(world.people()) == len(world.members()) == 3
    assert world.query("select count(*) from link where state = 'live'") == [(3,)]
    world.expect_silence()


def test_google_create_that_never_arrived_is_made_once(world: World) -> None:
    """The request got lost: after the hold-off and a full reading without the marker it is sent again."""
    world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    world.google.faults.add(Rule("drop", target="batchCreateContacts", after=False))
    world.run()
    assert world.people() == []
    world.sync()
    assert world.people() == []
    world.later(HOLD_OFF)
    world.sync()
    assert world.people() == world.members() == ["Ann Smith"]
    world.expect_silence()


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("kind", ["drop", "500"])
def test_lost_reply_to_a_crm_create_makes_no_twin(world: World, kind: str, after: bool) -> None:
    """Ids of CRM contacts are ours: whatever became of the request, one contact is there in the end."""
    world.google_contact(ANNA, "Zoe", "Young", email="zoe@example.org", mobile="+12025550100")
    target = "batch" if world.crm.profile.batch_get else "/odata/"
    world.crm.faults.add(Rule(kind, method="POST", target=target, after=after, skip=2 if target == "batch" else 0))
    world.run()
    world.crm.faults.clear()
    for _ in range(2):
        world.later(HOLD_OFF)
        world.sync()
    assert world.in_crm() == world.tag_names() == ["Zoe Young"]
    assert world.row(world.crm_of(next(iter(world.grouped(ANNA)))))["emails"] == ["zoe@example.org"]
    world.expect_silence()


@contextlib.contextmanager
def _killed_at(world: World, faults: Faults, target: str, *, after: bool) -> Iterator[None]:
    """Within the block a request is asked for that hangs; then the daemon dies by SIGKILL, with it in flight."""
    faults.add(Rule("hang", method="POST", target=target, after=after, delay=2.0))
    asked = threading.Thread(target=lambda: _ask(world))
    asked.start()
    yield
    give_up = time.monotonic() + 30
    while not faults.hits["hang"]:
        assert time.monotonic() < give_up, "the request never came"
        time.sleep(0.01)
    assert world.stop_daemon(signal.SIGKILL) == -signal.SIGKILL
    asked.join()
    faults.clear()


def _ask(world: World) -> None:
    with contextlib.suppress(SyncError, OSError, ValueError):
        world.sync_all("anna")


@pytest.mark.every_dress
@pytest.mark.parametrize("after", [True, False])
def test_daemon_killed_during_a_google_create_finishes_it_later(world: World, after: bool) -> None:
    """kill -9 with batchCreate in flight, carried out or not: the next daemon finishes, without twins."""
    for at in range(3):
        world.crm_contact(f"Given{at}", "Smith", by="anna", email=f"p{at}@example.org")
    with _killed_at(world, world.google.faults, "batchCreateContacts", after=after):
        pass
    world.start_daemon()
    for _ in range(2):
        world.later(HOLD_OFF)
        world.sync()
    assert len(world.people()) == len(world.members()) == 3
    world.expect_silence()


@pytest.mark.parametrize("after", [True, False])
def test_daemon_killed_during_a_google_update_finishes_it_later(world: World, after: bool) -> None:
    """kill -9 with an update in flight: it is planned again from what is there."""
    contact, resource = world.pair(mobile="+12025550100")
    world.change_row(contact, "Mobile phone", "+12025550111")
    with _killed_at(world, world.google.faults, "batchUpdateContacts|updateContact", after=after):
        pass
    world.start_daemon()
    world.sync()
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]
    world.expect_silence()


@pytest.mark.parametrize("after", [True, False])
def test_daemon_killed_while_it_writes_to_the_crm_finishes_later(open_world: Opener, after: bool) -> None:
    """kill -9 with a CRM write in flight."""
    world = open_world()
    for at in range(3):
        world.google_contact(ANNA, f"Given{at}", "Young", email=f"p{at}@example.org")
    skip = Rule("200", method="POST", target="no such target")
    world.crm.faults.add(skip)
    with _killed_at(world, _writes_only(world), "/odata/", after=after):
        pass
    world.start_daemon()
    for _ in range(2):
        world.later(HOLD_OFF)
        world.sync()
    assert len(world.in_crm()) == len(world.tag_names()) == 3
    assert all(len(c["communications"]) == 1 for c in world.tagged(ANNA).values())
    world.expect_silence()


def _writes_only(world: World) -> Faults:
    """The CRM's faults, which from now on overlook requests that write nothing (`$batch` with GETs alone)."""
    faults = world.crm.faults
    matched = faults.take

    def take(request: object) -> Rule | None:
        body = getattr(request, "body", b"")
        return matched(request) if b'"POST"' in body or b"GivenName" in body or b"PATCH" in body else None  # type: ignore[arg-type]

    faults.take = take  # type: ignore[method-assign]
    return faults


def test_daemon_told_to_stop_comes_to_the_end_of_its_call(world: World) -> None:
    """SIGTERM during a run: the current call is finished and remembered; exit code 0."""
    for at in range(3):
        world.crm_contact(f"Given{at}", "Smith", by="anna", email=f"p{at}@example.org")
    world.google.faults.add(Rule("hang", target="batchCreateContacts", after=True, delay=1.0))
    asked = threading.Thread(target=lambda: _ask(world))
    asked.start()
    while not world.google.faults.hits["hang"]:
        time.sleep(0.01)
    assert world.stop_daemon() == 0
    asked.join()
    assert world.query("select count(*) from call where state <> 'done'") == [(0,)]
    world.start_daemon()
    world.expect_silence()
    assert len(world.people()) == 3
