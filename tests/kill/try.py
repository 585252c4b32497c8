import sys, tempfile, time
from pathlib import Path
from tests.kill.forkserver import ForkServer, At
from tests.kill.world import KillWorld
from tests.kill.loop import undisturbed, killed, Wrong
import pprint

every = "--all" in sys.argv
stride = next((int(a[2:]) for a in sys.argv if a.startswith("-k")), 1)
with ForkServer() as forks:
    for scenario in [a for a in sys.argv[1:] if not a.startswith("-")]:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as f, KillWorld(Path(f), forks=forks) as world:
            t = time.monotonic()
            calm = undisturbed(world, scenario)
            print(scenario, "steps", len(calm.steps), "build", time.monotonic() - t)
            if "-v" in sys.argv:
                pprint.pprint(calm.after, width=200)
                for i, s in enumerate(calm.steps, 1):
                    print(i, s)
            t = time.monotonic()
            bad = 0
            n = 1
            while True:
                try:
                    if killed(world, calm, At(n, every)) is None:
                        break
                except Wrong as e:
                    print(e)
                    bad += 1
                n += stride
            print(scenario, n, "bad", bad, time.monotonic() - t, flush=True)
