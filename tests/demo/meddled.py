"""`syncd demo`, shortened, on a stage where somebody makes twins behind syncd's back: `python meddled.py`."""

from __future__ import annotations

import sys
from typing import Any

from syncd.cli import run
from syncd.cli.demo import story
from syncd.cli.demo.sight import google_contacts
from syncd.cli.demo.stage import ANNA, Stage

TITLES = ("Two users", "The first run", "A lost reply", "Contacts moved")


def sync_and_double(stage: Stage, *accounts: str) -> list[dict[str, Any]]:
    """A sync as it is, after which Zoë is there once more."""
    reports = sync(stage, *accounts)
    if google_contacts(stage, ANNA, "Zoë Quist"):
        stage.google_contact(ANNA, "Zoë", "Quist", grouped=False)
    return reports


sync = Stage.sync

if __name__ == "__main__":
    Stage.sync = sync_and_double  # type: ignore[method-assign,assignment]  # this is the meddling
    story.SCENES = tuple(s for t in TITLES for s in story.SCENES if s.title.startswith(t))
    sys.exit(run(["demo", "--json"]))
