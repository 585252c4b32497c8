"""The loop: kill at a step, let time pass, sync once more, and compare with what an undisturbed sync leaves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from tests.kill.acts import build
from tests.kill.forkserver import At, Child, Ran
from tests.kill.world import HOLD_OFF, KillWorld, Shown, Snapshot


class Wrong(AssertionError):
    """What a killed run and the next one left is not what an undisturbed run leaves."""


@dataclass(frozen=True)
class Undisturbed:
    """A scenario's start, what one sync makes of it, and that sync's durable steps."""

    start: Snapshot
    before: Shown
    after: Shown
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Blow:
    """One kill: at a step, or so many seconds after the sync began, wherever it is then. Time passes after it."""

    at: At | None = None
    seconds: float | None = None
    pause: float = HOLD_OFF


def undisturbed(world: KillWorld, scenario: str) -> Undisturbed:
    """Build the scenario, keep its start, and see what a sync leaves that nobody kills; one more writes nothing."""
    build(world, scenario)
    world.warm()
    start, before = world.snapshot(), world.shown()
    with world.process() as child:
        ran = _well(child.sync())
        after = world.shown()
        _nothing_to_do(world, child, "an undisturbed sync")
    return Undisturbed(start, before, after, ran.steps)


def killed(world: KillWorld, calm: Undisturbed, *blows: Blow) -> list[str]:
    """Kill one sync after the other, then sync once undisturbed. Raises `Wrong`.

    Where they died: fewer than there were blows when one came to its end first.
    """
    world.put_back(calm.start)
    died: list[str] = []
    for blow in blows:
        ran = world.sync_once(blow.at, None if blow.seconds is None else partial(_strike, blow.seconds))
        if ran.died is None:
            break
        died.append(f"{_name(blow)} {ran.died}")
        _kept(world, calm, _where(died))
        world.later(blow.pause)
    if died:
        recovered(world, calm, _where(died))
    return died


def _strike(seconds: float, child: Child) -> None:
    time.sleep(seconds)  # the moment is the point: between two steps, within a commit, with a request in flight
    child.kill()


def _name(blow: Blow) -> str:
    return f"step {blow.at.step}," if blow.at is not None else f"after {blow.seconds} s,"


def _where(died: list[str]) -> str:
    return "killed at " + "; then at ".join(died)


def recovered(world: KillWorld, calm: Undisturbed, where: str) -> None:
    """Time passes, one sync ends what was begun, and one more writes nothing. Raises `Wrong`."""
    world.later(HOLD_OFF)
    with world.process() as child:
        _well(child.sync(), where)
        _same(world.shown(), calm.after, where)
        _kept(world, calm, where)
        _nothing_to_do(world, child, where)


def _well(ran: Ran, where: str = "undisturbed") -> Ran:
    bad = [report for report in ran.reports if report["outcome"] != "ok"]
    if ran.died is not None or bad or not ran.reports:
        raise Wrong(f"{where}: the sync did not end well: {ran.died or bad}")
    return ran


def _same(found: Shown, wanted: Shown, where: str) -> None:
    if found == wanted:
        return
    lines = [where]
    for name in ("crm", "google", "accounts", "groups"):
        got, due = list(getattr(found, name)), list(getattr(wanted, name))
        lines += [f"{name} has  {one}" for one in got if got.count(one) > due.count(one)]
        lines += [f"{name} lacks {one}" for one in due if due.count(one) > got.count(one)]
    raise Wrong("\n".join(lines))


def _kept(world: KillWorld, calm: Undisturbed, where: str) -> None:
    """Every value that a person wrote is on a side, or in the history: at every moment, also right after the kill."""
    gone = calm.before.values - world.shown().values
    if gone:
        remembered = world.remembered()
        lost = sorted(value for value in gone if value not in remembered)
        if lost:
            raise Wrong(f"{where}: nowhere any more: {lost}")


def _nothing_to_do(world: KillWorld, child: Child, where: str) -> None:
    before = world.everything()
    _well(child.sync(), where)
    if world.everything() != before:
        raise Wrong(f"{where}: a further sync wrote something")
