"""The tick, the clock, the disk, and what is arranged at the start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncd.core.contact import AccountName
from syncd.core.errors import Fatal, Unavailable
from syncd.daemon.delays import NEVER
from syncd.daemon.lanes import Lanes
from syncd.daemon.runs import Runs
from syncd.daemon.schedule import LOW_DISK, Moment, Schedule, clock_step, status_line
from tests.daemon.world import ACME, WAIT, ScriptedApp, config_at, put_due, row_of, source_due, write_config

ANNA = AccountName("anna")
Events = Callable[[], list[dict[str, Any]]]


class Parts:
    """A schedule, what it is made of, and what it said."""

    def __init__(self, app: ScriptedApp, lanes: Lanes) -> None:
        self.beats = 0
        self.beaten = threading.Event()
        self.losses: list[Fatal] = []
        self.free = 10 * LOW_DISK
        self.runs = Runs(app, lanes, lambda: False)
        self.schedule = Schedule(app, self.runs, self.beat, self.losses.append, free=lambda _folder: self.free)

    def beat(self) -> None:
        self.beats += 1
        self.beaten.set()


@pytest.fixture
def parts(app: ScriptedApp, lanes: Lanes) -> Parts:
    return Parts(app, lanes)


def test_a_tick_begins_what_is_due_and_beats(app: ScriptedApp, lanes: Lanes, parts: Parts) -> None:
    """The beat shows that the state has answered."""
    parts.schedule.tick()
    assert lanes.wait(WAIT)
    assert app.behaviour(ANNA).runs == [False]
    assert parts.beats == 1


def test_the_scheduler_ticks_by_itself(app: ScriptedApp, parts: Parts) -> None:
    """Started and stopped as the daemon does it."""
    parts.schedule.start()
    try:
        assert parts.beaten.wait(WAIT)
    finally:
        parts.schedule.stop()


@pytest.mark.parametrize(
    ("wall", "uptime", "step"),
    [(60, 60, 0), (64.9, 60, 0), (3660, 60, 3600), (-3540, 60, -3600), (10, 60, -50)],
)
def test_a_jump_of_the_clock_is_what_the_uptime_does_not_explain(wall: float, uptime: float, step: float) -> None:
    """Five seconds a minute are an adjustment."""
    assert clock_step(Moment(1e9, 100), Moment(1e9 + wall, 100 + uptime)) == step


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_after_a_jump_every_start_moves_along(app: ScriptedApp, parts: Parts, events: Events, step: float) -> None:
    """Set back by two hours, nobody waits for two hours; what rests for good goes on resting."""
    now = Moment.now()
    put_due(app, "anna", now.wall + 100)
    put_due(app, "bob", NEVER)
    app.store.set_due(ACME, now.wall + 50, 2)
    parts.schedule.check_clock(Moment(now.wall + step + 60, now.uptime + 60))
    assert row_of(app, "anna").next_due == pytest.approx(now.wall + 100 + step, abs=5)
    assert row_of(app, "bob").next_due == NEVER
    assert source_due(app) == pytest.approx(now.wall + 50 + step, abs=5)
    assert [event["event"] for event in events()] == ["CK302"]


def test_a_full_disk_stops_new_runs_until_there_is_room(
    app: ScriptedApp, lanes: Lanes, parts: Parts, events: Events
) -> None:
    """Nothing is begun that perhaps could not be remembered; it is said once, and once when it is over."""
    parts.free = LOW_DISK - 1
    for _minute in range(3):
        parts.schedule.check_disk()
        parts.schedule.tick()
    assert app.behaviour(ANNA).runs == []
    parts.free = LOW_DISK
    parts.schedule.check_disk()
    parts.schedule.tick()
    assert lanes.wait(WAIT)
    assert app.behaviour(ANNA).runs == [False]
    assert [event["event"] for event in events() if event["event"].startswith("DB")] == ["DB603", "DB608"]


def test_a_state_out_of_reach_is_waited_for(parts: Parts, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, the schedule stays alive, and goes on when the state is back."""

    def away() -> None:
        raise Unavailable("the database does not answer")

    offer_due = parts.runs.offer_due
    monkeypatch.setattr(parts.runs, "offer_due", away)
    parts.schedule.tick()
    parts.schedule.tick()
    monkeypatch.setattr(parts.runs, "offer_due", offer_due)
    parts.schedule.tick()
    assert parts.beats == 3
    assert parts.losses == []
    assert [event["event"] for event in events() if event["event"].startswith("DB")] == ["DB606", "DB607"]


def test_a_lost_state_is_reported(app: ScriptedApp, parts: Parts) -> None:
    """The daemon cannot go on without it."""
    file = Path(app.config.state.url.removeprefix("sqlite:///"))
    app.store.close()
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    file.write_bytes(b"no database" * 1000)
    parts.schedule.tick()
    assert len(parts.losses) == 1


def test_overdue_accounts_are_spread_after_a_pause(app: ScriptedApp, parts: Parts) -> None:
    """As many as there are workers start at once, the others within the interval, each at its own moment."""
    app.reload(config_at(write_config(app.config.folder, *(f"a{n:02}" for n in range(12)), interval="5m")))
    for name in app.account_names():
        app.store.put_account(msgspec.structs.replace(row_of(app, name), state="ok", last_run=5.0, next_due=10.0))
    now = time.time()
    parts.schedule.arrange()
    starts = [row_of(app, name).next_due for name in app.account_names()]
    assert sum(start <= now for start in starts) == 2
    assert all(start <= now + 300 + WAIT for start in starts)
    assert len(set(starts)) == 11


def test_a_shorter_interval_takes_effect_at_once(app: ScriptedApp, parts: Parts) -> None:
    """After a reload nobody waits for the end of an old, longer interval."""
    put_due(app, "anna", time.time() + 80_000)
    put_due(app, "bob", NEVER)
    parts.schedule.arrange()
    for name in ("anna", "bob"):
        assert row_of(app, name).next_due <= time.time() + 300


def test_an_account_without_consent_is_not_arranged(app: ScriptedApp, parts: Parts) -> None:
    """A restart does not try what a person has to mend."""
    app.store.put_account(msgspec.structs.replace(row_of(app, "anna"), state="needs_consent", next_due=NEVER))
    parts.schedule.arrange()
    assert row_of(app, "anna").next_due == NEVER


def test_the_status_line_says_how_it_is(app: ScriptedApp) -> None:
    """In one line, for `systemctl status`; accounts that are no longer configured do not count."""
    app.store.put_account(msgspec.structs.replace(row_of(app, "anna"), state="ok", next_due=1_800_000_000.0))
    app.store.put_account(msgspec.structs.replace(row_of(app, "bob"), state="needs_consent", next_due=NEVER))
    rows, both = app.store.accounts(), frozenset({"anna", "bob"})
    line = "2 accounts: 1 needs_consent, 1 ok; next run"
    assert status_line(rows, both, 1_799_999_000.0) == f"{line} 08:00:00 UTC"
    assert status_line(rows, both, 1_800_000_001.0) == f"{line} now"
    assert status_line(rows, frozenset({"bob"}), 1.0) == "1 account: 1 needs_consent"
    assert status_line((), frozenset(), 1.0) == "0 accounts"
