"""The daemon as a process of its own, on the scripted program. `python -m tests.daemon.scripted_daemon CONFIG`.

Accounts whose name begins with `hangs` run until they are told to stop; with `stuck`, longer than that.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import syncd.log
from state.store import SqlStore
from syncd.config import Config, load
from syncd.daemon import serve
from tests.daemon.world import Behaviour, ScriptedApp


def open_app(config: Config) -> ScriptedApp:
    app = ScriptedApp(config, SqlStore.open(config.state.url))
    for name in app.account_names():
        if name.startswith("hangs"):
            app.behaviours[name] = Behaviour().hang()
        if name.startswith("stuck"):
            app.deaf.add(name)
            app.behaviours[name] = Behaviour().hang()
    return app


def main() -> int:
    syncd.log.configure(syncd.log.Format.JSON, logging.DEBUG, sys.stdout)
    path = Path(sys.argv[1])
    return serve(load(path, os.environ), lambda: load(path, os.environ), open_app)


if __name__ == "__main__":
    sys.exit(main())
