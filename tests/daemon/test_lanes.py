"""One job a lane, no lane in another's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from syncd.core.errors import Unavailable
from syncd.daemon.lanes import Job, Lanes, Stopping

WAIT = 30.0


class Gate:
    """Work that begins when it begins, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go, self.times = threading.Event(), threading.Event(), 0

    def __call__(self, job: Job) -> str:
        self.times += 1
        self.begun.set()
        assert self.let_go.wait(WAIT)
        return job.lane


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def lanes(faults: list[str], gate: Gate) -> Iterator[Lanes]:
    made = Lanes(2, lambda lane, error: faults.append(f"{lane}: {type(error).__name__}"))
    yield made
    gate.let_go.set()
    made.close()
    assert made.wait(WAIT)


def test_a_lane_that_is_occupied_takes_no_second_offer(lanes: Lanes, gate: Gate) -> None:
    """What is due again while it still runs is not begun twice."""
    assert lanes.offer("anna", gate, 60)
    assert gate.begun.wait(WAIT)
    assert not lanes.offer("anna", gate, 60)
    assert lanes.occupied() == {"anna"}


def test_a_hanging_lane_does_not_hold_up_another(lanes: Lanes, gate: Gate) -> None:
    """With one worker busy for ever the other goes on."""
    lanes.offer("hangs", gate, 60)
    assert [lanes.ask(name, lambda job: job.lane, 60).result.result(WAIT) for name in ("bob", "carl", "dora")] == [
        "bob",
        "carl",
        "dora",
    ]


def test_who_asks_while_it_runs_gets_a_run_that_begins_after(lanes: Lanes, gate: Gate) -> None:
    """A run that began before the question may have missed what the person just did; two askers share the next."""
    lanes.offer("anna", gate, 60)
    assert gate.begun.wait(WAIT)
    asked = lanes.ask("anna", lambda job: f"fresh {job.fresh}", 60)
    assert lanes.ask("anna", lambda _job: "another", 60) is asked
    assert not asked.started
    gate.let_go.set()
    assert asked.result.result(WAIT) == "fresh True"


def test_who_asks_while_it_waits_shares_it(lanes: Lanes, gate: Gate) -> None:
    """A job that has not begun serves everybody who asks, and becomes a fresh one."""
    lanes.offer("first", gate, 60)
    lanes.offer("second", gate, 60)
    lanes.offer("anna", lambda job: job.fresh, 60)
    asked = [lanes.ask("anna", gate, 60) for _asker in range(2)]
    gate.let_go.set()
    assert asked[0] is asked[1]
    assert asked[0].result.result(WAIT) is True


def test_listeners_hear_progress_and_a_beat_comes_with_it(lanes: Lanes) -> None:
    """Everybody who asked sees how far it is; who shows progress is alive."""
    heard: list[object] = []

    def work(job: Job) -> float:
        job.beaten = 0.0
        job.tell("half")
        return job.beaten

    beaten = lanes.ask("anna", work, 60, heard.append).result.result(WAIT)
    assert heard == ["half"]
    assert beaten > 0


def test_an_error_with_a_name_ends_its_job_only(lanes: Lanes, faults: list[str]) -> None:
    """It reaches who asked, and is no fault."""

    def fails(_job: Job) -> None:
        raise Unavailable("the server is away")

    assert isinstance(lanes.ask("anna", fails, 60).result.exception(WAIT), Unavailable)
    assert lanes.ask("anna", lambda _job: "well", 60).result.result(WAIT) == "well"
    assert faults == []


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3)])
def test_a_fault_is_told_and_the_lane_lives_on(lanes: Lanes, faults: list[str], error: BaseException) -> None:
    """Also where a library wants to end the process."""

    def fails(_job: Job) -> None:
        raise error

    assert lanes.ask("anna", fails, 60).result.exception(WAIT) is error
    assert faults == [f"anna: {type(error).__name__}"]
    assert lanes.ask("anna", lambda _job: "well", 60).result.result(WAIT) == "well"


def test_closing_ends_what_waits_and_leaves_what_runs(lanes: Lanes, gate: Gate) -> None:
    """What was not begun says that the daemon stops; what was begun comes to its end."""
    running = lanes.ask("anna", gate, 60)
    assert gate.begun.wait(WAIT)
    following = lanes.ask("anna", gate, 60)
    other = Gate()
    lanes.offer("second", other, 60)
    assert other.begun.wait(WAIT)
    queued = lanes.ask("third", gate, 60)
    lanes.close()
    assert isinstance(following.result.exception(WAIT), Stopping)
    assert isinstance(queued.result.exception(WAIT), Stopping)
    with pytest.raises(Stopping):
        lanes.ask("late", gate, 60)
    assert not lanes.offer("late", gate, 60)
    other.let_go.set()
    gate.let_go.set()
    assert running.result.result(WAIT) == "anna"
    assert gate.times == 1


def test_more_workers_take_effect_at_once(lanes: Lanes, gate: Gate) -> None:
    """A reload with more workers helps what is asked from then on, even when all the old ones hang."""
    lanes.offer("first", gate, 60)
    lanes.offer("second", gate, 60)
    lanes.resize(3)
    assert lanes.ask("third", lambda _job: "runs", 60).result.result(WAIT) == "runs"
