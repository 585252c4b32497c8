import sys, tempfile, time, os, cProfile, pstats
from pathlib import Path
import importlib
from tests.kill.forkserver import ForkServer, MODULES
from tests.kill.world import KillWorld, HOLD_OFF
from tests.kill.acts import build
for m in MODULES: importlib.import_module(m)
from syncd.app import App
from syncd.config import load
with ForkServer() as forks:
    for scenario in sys.argv[1:]:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as f, KillWorld(Path(f), forks=forks) as world:
            build(world, scenario)
            forks.close()
            pid = os.fork()
            if pid == 0:
                world.google_http.close; 
                os._exit(0)
            os.waitpid(pid,0)
            # serve in a forked server process is hard; profile in-thread only
            pr = cProfile.Profile()
            with App.open(load(world.folder/"syncd.toml", world.environ)) as app:
                t=time.process_time(); w=time.monotonic()
                pr.enable()
                print([r.outcome for r in app.sync()])
                pr.disable()
                print(time.process_time()-t, time.monotonic()-w)
            pstats.Stats(pr).sort_stats("cumulative").print_stats(75)
