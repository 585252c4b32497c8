"""Stop the program at every durable step of a scenario, run again, and find what an undisturbed run leaves.

The steps are counted by the program itself: every committing call of the store and every mutating request, before and
after. Nothing is listed by hand, so a new step is in the loop on the day it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.core.contact import Side
from syncd.core.ports import ScopeWish
from syncd.engine.report import RunOutcome
from syncd.engine.run import LEASE
from tests.engine.world import World, email, job, name, notes, phone

COMMITS = (
    "lease",
    "release",
    "note",
    "resolve_absent",
    "keep_plan",
    "mark_plan",
    "drop_plan",
    "forget_decision",
    "unpair",
    "settle_step",
    "settle_steps",
    "open_call",
    "settle_call",
    "put_account",
    "put_run",
    "hold_newcomer",
)


class Killed(BaseException):
    """The process is gone: nothing after this line runs, no `except SyncError` sees it."""


class Countdown:
    """Dies at the n-th durable step; counts them all when n is None."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.steps = 0

    def tick(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed


@contextmanager
def steps_counted(world: World, countdown: Countdown) -> Iterator[None]:
    """Every durable step of this world ticks twice: just before it, and just after."""
    patched: list[tuple[object, str]] = []

    def watch(owner: object, method: str) -> None:
        real = getattr(owner, method)
        setattr(owner, method, _ticking(real, countdown))
        patched.append((owner, method))

    for method in COMMITS:
        watch(world.store, method)
    real_stage = world.store.stage

    def stage(*args: Any) -> Any:
        staging = real_stage(*args)
        watch(staging, "promote")
        return staging

    world.store.stage = stage  # type: ignore[assignment,method-assign]  # the loop wraps what it counts
    patched.append((world.store, "stage"))
    for memory in (world.crm, world.google):
        watch(memory, "send")
    try:
        yield
    finally:
        for owner, method in patched:
            if method in vars(owner):
                delattr(owner, method)


def _ticking(real: Callable[..., Any], countdown: Countdown) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        countdown.tick()
        result = real(*args, **kwargs)
        countdown.tick()
        return result

    return call


def first_fill(world: World) -> None:
    """Both sides have contacts of their own, one person is on both, one has no tag yet."""
    tag, group = world.crm.resolve(ScopeWish("Google")), world.google.resolve(ScopeWish("Creatio"))
    for n in range(3):
        world.crm.join(world.crm.edit(None, name(f"Crm{n}", "Lee"), email(f"c{n}@x.example")), tag)
        world.google.join(world.google.edit(None, name(f"Goo{n}", "Ray"), email(f"g{n}@x.example")), group)
    world.crm.join(world.crm.edit(None, name("Both", "Same"), email("both@x.example"), job("Acme", "CEO")), tag)
    world.google.join(
        world.google.edit(None, name("Both", "Same"), email("both@x.example"), phone("+12025550100")), group
    )
    world.crm.edit(None, name("Known", "Before"), email("known@x.example"))
    world.google.join(world.google.edit(None, name("Known", "Before"), email("known@x.example")), group)


def linked(world: World) -> None:
    """Six linked contacts, for what comes next."""
    first_fill(world)
    assert world.sync().outcome is RunOutcome.OK


def edits(world: World) -> None:
    """Different fields on both sides, the same field on both, an addition, a newcomer."""
    crm = {world.content(world.crm, r)[-1]: r for r in world.crm.records}
    google = {world.content(world.google, r)[-1]: r for r in world.google.records}
    one, two = (m["name=Crm0||Lee"] for m in (crm, google))
    world.crm.edit(one, *world.crm.records[one].units, notes("from the CRM"))
    world.google.edit(two, *world.google.records[two].units, phone("+12025550111"))
    three, four = (m["name=Goo0||Ray"] for m in (crm, google))
    world.crm.edit(three, *world.crm.records[three].units, notes("crm says"))
    world.google.edit(four, *world.google.records[four].units, notes("google says"))
    world.tagged(name("New", "Comer"), email("new@x.example"))


def leaving(world: World) -> None:
    """One deleted, one taken out, on either side."""
    crm = {world.content(world.crm, r)[-1]: r for r in world.crm.records}
    google = {world.content(world.google, r)[-1]: r for r in world.google.records}
    world.google.remove(google["name=Crm0||Lee"])
    world.google.part(google["name=Crm1||Lee"], world.group)
    world.crm.remove(crm["name=Goo0||Ray"])
    world.crm.part(crm["name=Goo1||Ray"], world.tag)


SCENARIOS: dict[str, tuple[Callable[[World], None], ...]] = {
    "first fill": (first_fill,),
    "incremental": (linked, edits),
    "leaving": (linked, leaving),
}


def build(folder: Path, scenario: tuple[Callable[[World], None], ...]) -> World:
    folder.mkdir()
    world = World(folder)
    for act in scenario:
        act(world)
    return world


def end_state(world: World) -> object:
    """What both sides hold, in and out of scope, without ids."""
    return tuple(
        (sorted(world.content(m, r) for r in m.records), sorted(world.content(m, r) for r in m.members[scope]))
        for m, scope in ((world.crm, world.tag), (world.google, world.group))
    )


def settle(world: World) -> None:
    outcomes = [world.sync().outcome for _ in range(3)]
    assert outcomes[-1] is RunOutcome.OK


@pytest.mark.timeout(600)  # a whole life for each step, on a busy machine
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_killed_at_any_step_ends_as_undisturbed(
    quick_path: Path, scenario: tuple[Callable[[World], None], ...]
) -> None:
    """Killed at each durable step in turn, one more run ends where an undisturbed one does: no twin, nothing lost."""
    calm = build(quick_path / "calm", scenario)
    counted = Countdown(None)
    with steps_counted(calm, counted):
        assert calm.sync().outcome is RunOutcome.OK
    settle(calm)
    assert counted.steps > 30
    for at in range(1, counted.steps + 1):
        world = build(quick_path / f"killed-{at}", scenario)
        with steps_counted(world, Countdown(at)), pytest.raises(Killed):
            world.sync()
        world.restart()
        world.now += LEASE + 1_000  # past the dead run's lease and past the hold-off of unknown creates
        world.crm.clock, world.google.clock = (world.later(m.clock) for m in (world.crm, world.google))
        settle(world)
        assert end_state(world) == end_state(calm), f"killed at step {at} of {counted.steps}"


def test_killed_run_is_finished_by_the_next(quick_path: Path) -> None:
    """The next run alone (not three) writes the rest; the one after it writes nothing."""
    world = build(quick_path / "w", (first_fill,))
    with steps_counted(world, Countdown(60)), pytest.raises(Killed):
        world.sync()
    world.restart()
    world.now += LEASE + 1_000
    assert world.sync().outcome is RunOutcome.OK
    report = world.sync()
    assert (report.crm.created, report.google.created, report.crm.updated, report.google.updated) == (0, 0, 0, 0)
    assert len(world.says(Side.CRM)) == len(world.says(Side.GOOGLE)) == 8
