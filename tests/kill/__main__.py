"""The long form of the loop: `python -m tests.kill --kills 2000 --seed 7 [--postgres]`. Kills at random, and says so.

Of the kills two in three are at a random step, the others at a random moment; some strike the syncs that recover.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.kill.acts import SCENARIOS
from tests.kill.database import PostgresState
from tests.kill.forkserver import At, ForkServer
from tests.kill.loop import Blow, Undisturbed, Wrong, killed, recovered, undisturbed
from tests.kill.postgres import QUICK, server
from tests.kill.world import HOLD_OFF, KillWorld

PROGRESS = 100
AFTER_THE_LEASE = 400.0


@dataclass
class Score:
    """What came of it so far."""

    kills: int = 0
    series: int = 0
    twice: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self, seconds: float) -> str:
        rate = self.kills / seconds if seconds else 0.0
        return (
            f"{self.kills} kills in {self.series} series, {len(self.wrong)} wrong, {self.twice} needed two syncs, "
            f"{seconds:.0f} s, {rate:.1f} kills/s"
        )


@dataclass(frozen=True)
class Field:
    """A scenario ready to be killed, and how long its sync takes undisturbed."""

    name: str
    world: KillWorld
    calm: Undisturbed
    seconds: float


@contextlib.contextmanager
def fields(*, postgres: bool) -> Iterator[list[Field]]:
    """Every scenario in a world of its own."""
    with contextlib.ExitStack() as stack:
        forks = stack.enter_context(ForkServer())
        address = stack.enter_context(server()) if postgres else None
        found = []
        for name in SCENARIOS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-kill-", dir=QUICK)))
            state = None if address is None else PostgresState(address, f"kill_{name.replace('-', '_')}")
            world = stack.enter_context(KillWorld(folder, forks=forks, database=state))
            calm = undisturbed(world, name)
            world.put_back(calm.start)
            began = time.monotonic()
            world.sync_once()
            found.append(Field(name, world, calm, time.monotonic() - began))
        yield found


def blows(dice: random.Random, on: Field) -> list[Blow]:
    """One to three kills in a row."""
    made = []
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
        pause = dice.choice((AFTER_THE_LEASE, HOLD_OFF))
        if dice.random() < 2 / 3:
            made.append(Blow(At(dice.randint(1, len(on.calm.steps)), every=True), pause=pause))
        else:
            made.append(Blow(seconds=dice.uniform(0, on.seconds), pause=pause))
    return made


def strike(on: Field, series: Sequence[Blow], score: Score) -> None:
    """One series of kills, counted."""
    score.series += 1
    try:
        score.kills += len(killed(on.world, on.calm, *series))
    except Wrong as wrong:
        score.kills += len(series)
        with contextlib.suppress(Wrong):
            recovered(on.world, on.calm, "a second time")
            score.twice += 1
        score.wrong.append(f"{on.name}: {wrong}")
        sys.stderr.write(f"WRONG {score.wrong[-1]}\n  {series}\n")


def main(arguments: Sequence[str]) -> int:
    """0 when every series ended as an undisturbed sync does."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args(arguments)
    dice, score, began, told = random.Random(asked.seed), Score(), time.monotonic(), 0
    with fields(postgres=asked.postgres) as ready:
        sys.stdout.write(f"seed {asked.seed}, {', '.join(f'{f.name}: {len(f.calm.steps)} steps' for f in ready)}\n")
        while score.kills < asked.kills:
            on = dice.choice(ready)
            strike(on, blows(dice, on), score)
            if score.kills // PROGRESS > told:
                told = score.kills // PROGRESS
                sys.stdout.write(score.line(time.monotonic() - began) + "\n")
                sys.stdout.flush()
    sys.stdout.write(f"seed {asked.seed}: {score.line(time.monotonic() - began)}\n")
    return 1 if score.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
