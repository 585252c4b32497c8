"""kill -9 at every step of a sync, then one more sync: what an undisturbed one leaves, no twin, nothing lost.

The steps are not listed here: the process counts them, and the loop goes on until a sync comes to its end unkilled.
By default it dies where the world differs from the step before; with SYNCD_CI=1 at each and every step.
"""

from __future__ import annotations

import itertools
import random

import pytest

from tests.kill.acts import SCENARIOS
from tests.kill.conftest import EVERY, Opener
from tests.kill.forkserver import At
from tests.kill.loop import Blow, killed
from tests.kill.world import HOLD_OFF

PAUSES = (400.0, HOLD_OFF)
"""Seconds until the next sync: the lease of the dead one is over; an unanswered create may still come true, or not."""
SHARDS = 6
"""Each walks every sixth step, so that the workers of one check share the loop."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_undisturbed_sync_is_counted_and_silent_afterwards(opened: Opener, scenario: str) -> None:
    """What the loop compares with did something: commits and requests that write were counted, and it ended well."""
    _world, calm = opened(scenario, "sqlite")
    assert calm.after != calm.before
    assert sum(step.startswith("before the commit of") for step in calm.steps) > 20
    for step in ("the commit of open_call", "the commit of settle_call", "the commit of promote"):
        assert {f"before {step}", f"after {step}"} <= set(calm.steps)
    assert any("/v1/" in step for step in calm.steps if step.startswith("before POST"))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_any_step_ends_as_undisturbed(opened: Opener, scenario: str, shard: int) -> None:
    """Killed by SIGKILL at each of these steps, one more sync leaves what an undisturbed one leaves."""
    assert _walk(opened, scenario, "sqlite", shard + 1, SHARDS) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_while_it_recovers_ends_as_undisturbed(opened: Opener, scenario: str) -> None:
    """The sync after a killed one is killed, too, and the one after that; the next leaves what it should."""
    world, calm = opened(scenario, "sqlite")
    dice = random.Random(scenario)
    for _ in range(32 if EVERY else 6):
        steps = (At(dice.randint(1, len(calm.steps)), every=True) for _ in range(2))
        assert killed(world, calm, *(Blow(at, pause=dice.choice(PAUSES)) for at in steps))


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_on_postgresql_ends_as_undisturbed(opened: Opener, scenario: str) -> None:
    """The same on a PostgreSQL server, which has to notice that its client is gone; every seventh step."""
    assert _walk(opened, scenario, "postgres", 3, 3 if EVERY else 7) >= 3


def _walk(opened: Opener, scenario: str, database: str, first: int, stride: int) -> int:
    """Kill at every `stride`-th step until a sync ends unkilled. How many were killed."""
    world, calm = opened(scenario, database)
    for count, step in enumerate(itertools.count(first, stride)):
        if not killed(world, calm, Blow(At(step, EVERY))):
            return count
    raise AssertionError("a sync without end")
