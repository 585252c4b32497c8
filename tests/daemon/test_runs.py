"""Who runs when, and what follows from how a run ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.contact import AccountName, Side
from syncd.core.errors import MissingRight, RateLimited, SyncError, Unavailable, WrongPassword
from syncd.daemon.delays import NEVER, next_due
from syncd.daemon.lanes import Lanes
from syncd.daemon.runs import TROUBLE, Runs
from tests.daemon.world import (
    ACME,
    OK,
    WAIT,
    Behaviour,
    ScriptedApp,
    config_at,
    put_due,
    row_of,
    source_due,
    write_config,
)

ANNA, BOB = AccountName("anna"), AccountName("bob")
NOW = 1_800_000_000.0
Events = Callable[[], list[dict[str, Any]]]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs(app: ScriptedApp, lanes: Lanes, clock: Clock) -> Runs:
    return Runs(app, lanes, lambda: False, clock, lambda: 0.0)


def all_done(lanes: Lanes) -> None:
    assert lanes.wait(WAIT)


def run_once(app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, *names: AccountName) -> None:
    """Make these due, everything else not, and let them run."""
    for name in app.account_names():
        put_due(app, name, clock.now if name in (names or (ANNA,)) else NEVER)
    app.store.set_due(ACME, NEVER, 0)
    runs.offer_due()
    all_done(lanes)


# ---------------------------------------------------------------------------------------------- who runs


def test_what_is_due_runs_once_and_is_due_again_at_its_next_point(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock
) -> None:
    """Accounts and CRM alike, each at its own point of the interval."""
    runs.offer_due()
    all_done(lanes)
    assert app.readings == [(ACME, False)]
    assert source_due(app) == next_due(ACME, 300, NOW)
    for name in (ANNA, BOB):
        assert app.behaviour(name).runs == [False]
        assert row_of(app, name).next_due == next_due(name, 300, NOW)
        assert row_of(app, name).last_run == NOW
    runs.offer_due()
    all_done(lanes)
    assert app.behaviour(ANNA).runs == [False]


def test_an_account_somebody_is_about_to_ask_for_is_left_to_him(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock
) -> None:
    """The schedule begins no run whose report an asker waits for; afterwards it does again."""
    with runs.expecting([ANNA]):
        run_once(app, runs, lanes, clock)
        all_done(lanes)
        assert app.behaviour(ANNA).runs == []
    runs.offer_due()
    all_done(lanes)
    assert app.behaviour(ANNA).runs == [False]


def test_an_account_that_hangs_delays_no_other(app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock) -> None:
    """One worker waits for a server that does not answer; the other goes on, interval after interval."""
    app.behaviours[ANNA] = Behaviour().hang()
    app.store.set_due(ACME, NEVER, 0)
    for interval in range(3):
        clock.now = NOW + 300 * interval
        put_due(app, BOB, clock.now)
        runs.offer_due()
        bob = app.behaviour(BOB)
        assert runs.ask_account(BOB).result.result(WAIT)["outcome"] == "ok"
        assert len(bob.runs) >= interval + 1
    assert app.behaviours[ANNA].runs == [False]


def test_more_due_accounts_than_room_are_all_served(app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock) -> None:
    """What finds no room stays due, and what runs does not hide what waits."""
    app.reload(config_at(write_config(app.config.folder, *(f"a{n:02}" for n in range(20)))))
    app.behaviours["a00"] = Behaviour().hang()
    put_due(app, "a00", 1.0)
    names = app.account_names()
    for _round in range(40):
        runs.offer_due()
        if all(row_of(app, name).last_run for name in names[1:]):
            break
        for name in names[1:]:
            if f"account {name}" in lanes.occupied():
                runs.ask_account(name).result.result(WAIT)
    assert all(app.behaviour(name).runs for name in names)


def test_an_account_taken_out_of_the_configuration_rests(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock
) -> None:
    """It is not run, and does not stand in the way of others for ever."""
    app.reload(config_at(write_config(app.config.folder, "bob")))
    run_once(app, runs, lanes, clock, BOB)
    put_due(app, ANNA, NOW)
    runs.offer_due()
    all_done(lanes)
    assert app.behaviour(ANNA).runs == []
    assert row_of(app, ANNA).next_due == NEVER


def test_an_account_made_due_while_it_runs_stays_due(app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock) -> None:
    """A CRM reading that touches it meanwhile is not forgotten when the run ends."""
    app.behaviours[ANNA] = Behaviour().hang()
    app.store.set_due(ACME, NEVER, 0)
    put_due(app, BOB, NEVER)
    runs.offer_due()
    assert app.behaviours[ANNA].begun.wait(WAIT)
    clock.now += 7
    runs.wake(ANNA)
    app.behaviours[ANNA].let_go.set()
    all_done(lanes)
    assert row_of(app, ANNA).next_due == NOW + 7
    runs.offer_due()
    all_done(lanes)
    assert len(app.behaviours[ANNA].runs) == 2


# ---------------------------------------------------------------------------------------------- how it ended

FAILED = {"outcome": "failed", "reason": "contract_broken", "message": "odd"}
AWAY = {"outcome": "busy", "reason": "unavailable", "message": "away"}


@pytest.mark.parametrize(
    ("end", "due"),
    [
        (OK, next_due(ANNA, 300, NOW)),
        ({"outcome": "held"}, next_due(ANNA, 300, NOW)),
        ({"outcome": "busy", "reason": "busy"}, next_due(ANNA, 300, NOW)),
        ({"outcome": "busy", "reason": "lease_lost"}, next_due(ANNA, 300, NOW)),
        (FAILED, next_due(ANNA, 300, NOW, 1)),
        (AWAY, next_due(ANNA, 300, NOW, 1)),
        ({**AWAY, "reason": "rate_limited", "retry_after": 2000.0}, next_due(ANNA, 300, NOW, 0, 2000)),
        ({"outcome": "failed", "reason": "tag_missing"}, next_due(ANNA, 300, NOW, 0, 3300)),
        ({"outcome": "needs_consent", "reason": "consent_revoked"}, NEVER),
        (KeyError("a fault"), next_due(ANNA, 300, NOW, 1)),
    ],
)
def test_the_end_decides_when_it_is_tried_again(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, end: Any, due: float
) -> None:
    """Well: next point. Failed: backed off, never before the server's wish. A person: hourly. Consent: not at all."""
    app.behaviours[ANNA] = Behaviour(end)
    run_once(app, runs, lanes, clock)
    assert row_of(app, ANNA).next_due == due


def test_failures_in_a_row_back_off_to_an_hour(app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock) -> None:
    """10, 20, 40, 60 minutes, on the account's own points."""
    app.behaviours[ANNA] = Behaviour(AWAY)
    waits = []
    for _try in range(4):
        run_once(app, runs, lanes, clock)
        waits.append(round((row_of(app, ANNA).next_due - clock.now) / 60))
        clock.now = row_of(app, ANNA).next_due
    first = round((next_due(ANNA, 300, NOW) - NOW) / 60)
    assert waits == [5 + first, 20, 40, 60]


def test_the_fifth_failure_opens_the_breaker_and_a_success_closes_it(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, events: Events
) -> None:
    """While it is open a wake-up does not start a run; afterwards one try decides."""
    app.behaviours[ANNA] = Behaviour(*[AWAY] * 5, OK)
    for _try in range(5):
        run_once(app, runs, lanes, clock)
    opened = [event for event in events() if event["event"] == "AC404"]
    assert [(event["account"], event["side"], event["retry_in"]) for event in opened] == [("anna", "google", 300)]
    clock.now += 100
    run_once(app, runs, lanes, clock)
    assert len(app.behaviours[ANNA].runs) == 5
    assert row_of(app, ANNA).next_due == clock.now + 200
    clock.now += 200
    run_once(app, runs, lanes, clock)
    assert len(app.behaviours[ANNA].runs) == 6
    assert [event["event"] for event in events()][-2:] == ["AC405", "AC412"]


def test_the_breaker_of_one_account_leaves_the_others_alone(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock
) -> None:
    """Anna's Google is away; Bob's is not."""
    app.behaviours[ANNA] = Behaviour(AWAY)
    for _try in range(7):
        run_once(app, runs, lanes, clock, ANNA, BOB)
    assert len(app.behaviours[ANNA].runs) == 5
    assert len(app.behaviour(BOB).runs) == 7


def test_a_lost_consent_stops_the_account_until_it_is_given_again(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, events: Events
) -> None:
    """Not even a change in the CRM wakes it; connecting again does."""
    import msgspec

    app.behaviours[ANNA] = Behaviour({"outcome": "needs_consent", "reason": "consent_revoked"}, OK)
    run_once(app, runs, lanes, clock)
    assert [event["event"] for event in events()] == ["AC401", "AC412"]
    run_once(app, runs, lanes, clock)
    assert len(app.behaviours[ANNA].runs) == 1
    assert row_of(app, ANNA).next_due == NEVER
    app.store.put_account(msgspec.structs.replace(row_of(app, ANNA), state="new", next_due=0.0))
    runs.offer_due()
    all_done(lanes)
    assert len(app.behaviours[ANNA].runs) == 2


def test_a_fault_of_our_own_ends_one_run_only(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, events: Events
) -> None:
    """It is in the log with its trace, in the account's state, and the account is tried again."""
    app.behaviours[ANNA] = Behaviour(ZeroDivisionError(), OK)
    run_once(app, runs, lanes, clock, ANNA, BOB)
    fault = next(event for event in events() if event["event"] == "SD010")
    assert (fault["account"], fault["kind"]) == ("anna", "ZeroDivisionError")
    assert "Traceback" in fault["exception"]
    assert row_of(app, ANNA).state == "failed"
    assert row_of(app, BOB).state == "ok"


# ---------------------------------------------------------------------------------------------- readings


@pytest.mark.parametrize(
    ("error", "event", "due"),
    [
        (Unavailable("away"), "SY109", next_due(ACME, 300, NOW, 1)),
        (RateLimited("slow down", 1500.0), "AC403", next_due(ACME, 300, NOW, 0, 1500)),
        (WrongPassword("no"), "AC409", next_due(ACME, 300, NOW, 0, 3300)),
        (MissingRight("no"), "AC410", next_due(ACME, 300, NOW, 0, 3300)),
    ],
)
def test_a_failed_reading_is_told_backed_off_and_noted(
    app: ScriptedApp, runs: Runs, lanes: Lanes, events: Events, error: SyncError, event: str, due: float
) -> None:
    """The source carries why, for `status`; accounts go on with what was read before."""
    app.reading.ends = [error, OK]
    runs.offer_due()
    all_done(lanes)
    told = next(line for line in events() if line["event"] == event)
    assert (told["side"], told["source"]) == ("crm", ACME)
    row = app.store.source(ACME, Side.CRM)
    assert (row.next_due, row.failures, row.facts[TROUBLE]["reason"]) == (due, 1, error.reason)
    assert app.behaviour(ANNA).runs
    app.store.set_due(ACME, NOW, 1)
    runs.offer_due()
    all_done(lanes)
    row = app.store.source(ACME, Side.CRM)
    assert (row.failures, row.facts.get(TROUBLE)) == (0, None)


def test_a_crm_that_keeps_failing_is_left_alone(
    app: ScriptedApp, runs: Runs, lanes: Lanes, clock: Clock, events: Events
) -> None:
    """Its breaker opens after five, for all its accounts at once."""
    app.reading.ends = [Unavailable("away")]
    for _try in range(7):
        app.store.set_due(ACME, clock.now, 0)
        runs.offer_due()
        all_done(lanes)
    assert len(app.readings) == 5
    assert source_due(app) == NOW + 300
    assert [event["source"] for event in events() if event["event"] == "AC404"] == [ACME]


def test_two_who_ask_while_a_reading_runs_share_the_next(app: ScriptedApp, runs: Runs, lanes: Lanes) -> None:
    """It began before they asked, so it is not theirs; one more serves both, and sweeps for removals."""
    app.reading.hang()
    runs.offer_due()
    assert app.reading.begun.wait(WAIT)
    first, second = runs.ask_reading(ACME), runs.ask_reading(ACME)
    app.reading.let_go.set()
    first.result.result(WAIT)
    assert first is second
    assert app.readings == [(ACME, False), (ACME, True)]
