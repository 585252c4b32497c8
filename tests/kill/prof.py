import sys, tempfile, time
from pathlib import Path
from tests.kill.forkserver import ForkServer
from tests.kill.world import KillWorld, HOLD_OFF
from tests.kill.loop import undisturbed, killed
import pprint

with ForkServer() as forks:
    for scenario in sys.argv[1:]:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as f, KillWorld(Path(f), forks=forks) as world:
            t = time.monotonic()
            calm = undisturbed(world, scenario)
            print(scenario, "steps", len(calm.steps), "build", time.monotonic() - t)
            for at in (1, 2, 60, 163):

                def lap(what):
                    global t
                    n = time.monotonic()
                    print(f"   {what} {1000 * (n - t):.0f} ms")
                    t = n

                print(at)
                t = time.monotonic()
                world.put_back(calm.start)
                lap("put back")
                world.sync(at)
                lap("killed")
                world.later(HOLD_OFF)
                with world.syncd() as child:
                    child.sync()
                    lap("sync")
                    world.shown()
                    lap("shown")
                    world.everything()
                    lap("everything")
                    child.sync()
                    lap("silent")
                lap("end")
            pprint.pprint(calm.after, width=200)
