import sys, tempfile, time
from pathlib import Path
from tests.kill.forkserver import ForkServer
from tests.kill.world import KillWorld
from tests.kill.loop import undisturbed, killed
import pprint
with ForkServer() as forks:
    for scenario in sys.argv[1:]:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as f, KillWorld(Path(f), forks=forks) as world:
            t=time.monotonic(); calm = undisturbed(world, scenario)
            print(scenario, "steps", len(calm.steps), "build", time.monotonic()-t)
            pprint.pprint(calm.after, width=200)
            for i,s in enumerate(calm.steps,1): print(i,s)
            t=time.monotonic(); print(killed(world, calm, 50)); print(time.monotonic()-t)
