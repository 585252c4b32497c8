"""Whether Google's deltas show label changes: the echo of our own first one is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.core.contact import RecordId, Side
from tests.engine.world import World, email, name, notes


@pytest.fixture
def world(quick_path: Path) -> World:
    world = World(quick_path)
    world.sync()
    return world


def facts(world: World) -> dict[str, Any]:
    return world.store.source(world.google_source.id, Side.GOOGLE).facts


def first_move(world: World) -> RecordId:
    """A partner outside the group is linked: the first group change of ours."""
    google = world.google.edit(None, name("Ann", "Lee"), email("a@x.example"))
    world.tagged(name("Ann", "Lee"), email("a@x.example"))
    assert world.sync().google.grouped == 1
    return google


def hold_off(world: World) -> None:
    world.now += 1_000


def test_echo_that_comes_is_proof(world: World) -> None:
    """The change shows in the reading at the end of the run: nothing is looked for any more."""
    first_move(world)
    assert facts(world)["labels_in_delta"]
    assert "labels_awaited" not in facts(world)
    hold_off(world)
    world.expect_silence()
    assert "members_by_list" not in facts(world)


def test_echo_that_does_not_come_switches_to_lists(world: World) -> None:
    """After the hold-off by Google's clock without it the members are read from the group."""
    world.google.labels_in_delta = False
    first_move(world)
    world.expect_silence()
    assert "members_by_list" not in facts(world)
    hold_off(world)
    world.sync()
    assert facts(world)["members_by_list"]
    assert [told["waited"] for event, told in world.told if event == "SY115"] == [1_120]
    world.sync()
    assert len([event for event, _ in world.told if event == "SY115"]) == 1


def test_edit_of_the_contact_is_no_proof(world: World) -> None:
    """A user edits the very contact: it shows for that, and says nothing about labels."""
    world.google.labels_in_delta = False
    google = first_move(world)
    world.google.edit(google, *world.google.records[google].units, notes("met"))
    world.sync()
    assert "labels_in_delta" not in facts(world)
    hold_off(world)
    world.sync()
    assert facts(world)["members_by_list"]


def test_full_reading_meanwhile_proves_nothing(world: World) -> None:
    """What is read whole says nothing of deltas: the next group change begins anew."""
    world.google.labels_in_delta = False
    first_move(world)
    world.google.forget_cursors()
    world.sync()
    hold_off(world)
    world.sync()
    assert not facts(world).keys() & {"members_by_list", "labels_in_delta", "labels_awaited"}


def test_contact_born_into_the_group_is_no_group_change(world: World) -> None:
    """Its labels come with it, so nothing is awaited."""
    world.tagged(name("Ann", "Lee"))
    world.sync()
    assert not facts(world).keys() & {"members_by_list", "labels_in_delta", "labels_awaited"}
