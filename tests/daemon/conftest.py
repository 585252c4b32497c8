"""Fixtures of the daemon's tests: a program with two accounts, and its log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import syncd.log
from syncd.daemon.lanes import Lanes
from tests.daemon.world import WAIT, ScriptedApp, config_at, write_config

Events = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ScriptedApp]:
    opened = ScriptedApp.open(config_at(write_config(tmp_path, "anna", "bob")))
    yield opened
    opened.close()


@pytest.fixture
def lanes(app: ScriptedApp, events: Events) -> Iterator[Lanes]:
    made = Lanes(2, lambda lane, error: pytest.fail(f"{lane}: {error!r}"))
    yield made
    for behaviour in (app.reading, *app.behaviours.values()):
        behaviour.let_go.set()
    made.close()
    assert made.wait(WAIT)


@pytest.fixture
def events() -> Iterator[Events]:
    """The events logged so far."""
    stream, strict = io.StringIO(), syncd.log.EventLog.strict
    root = logging.getLogger()
    before = root.handlers[:], root.level
    syncd.log.configure(syncd.log.Format.JSON, logging.DEBUG, stream)
    syncd.log.EventLog.strict = True
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    syncd.log.EventLog.strict = strict
    root.handlers[:], root.level = before
