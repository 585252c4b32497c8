"""A state that was put back from an older copy: seen, read afresh, and shown before it acts."""

from __future__ import annotations

import shutil

from syncd.cli.demo.stage import ANNA
from tests.e2e.world import World


def test_restored_state_is_noticed_and_its_first_plan_waits(world: World) -> None:
    """An older copy of the database in place of the newer: nothing is written until the plan is approved."""
    contact, resource = world.pair(email="ann@example.org")
    world.stop_daemon()
    copy = world.folder / "older.db"
    shutil.copy(world.folder / "syncd.db", copy)
    world.start_daemon()
    world.crm.patch("Contact", contact, {"JobTitle": "Clerk"}, "anna")
    world.synced()
    world.stop_daemon()
    for left in world.folder.glob("syncd.db-*"):
        left.unlink()
    shutil.copy(copy, world.folder / "syncd.db")
    world.crm.patch("Contact", contact, {"JobTitle": "Chief"}, "anna")
    world.start_daemon()
    report = world.sync_all("anna")[0]
    assert (report["outcome"], report["reason"]) == ("held", "restored"), report
    world.approve()
    world.synced()
    organizations = world.google.user(ANNA.email).contacts[resource]["organizations"]
    assert [one["title"] for one in organizations] == ["Chief"]
    world.expect_silence()
