"""What the daemon asks of the program it runs, and what it reads of a run's end. It does not know the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Protocol

import msgspec

from syncd.config import Config
from syncd.core.contact import AccountName, SourceId
from syncd.core.errors import Fatal, NeedsHuman, Replan, RetryLater, SyncError
from syncd.core.ports import Store

Row = dict[str, Any]


class ProgressEvent(Protocol):
    """How far a run is: `done` of `total` (None: not known) in this phase."""

    @property
    def account(self) -> str: ...
    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def message(self) -> str: ...


class Report(Protocol):
    """What a run did; `as_json` is what `syncd sync --json` prints."""

    def as_json(self) -> Row: ...


class PlanView(Protocol):
    """What a run would do."""

    @property
    def steps(self) -> Iterable[Row]: ...
    @property
    def tally(self) -> Mapping[str, int]: ...
    @property
    def reasons(self) -> Sequence[str]: ...
    @property
    def missing(self) -> Sequence[str]: ...


class App(Protocol):
    """syncd as a whole. Safe to call from any thread."""

    @property
    def config(self) -> Config: ...
    @property
    def store(self) -> Store: ...

    def account_names(self) -> tuple[AccountName, ...]: ...
    def crm_sources(self) -> tuple[SourceId, ...]: ...

    def read_crm(self, source: SourceId, *, fresh: bool = False, beat: Callable[[], None]) -> object:
        """One reading of one CRM in its turn. Raises the classes of `core.errors`."""

    def run_account(
        self,
        name: AccountName,
        *,
        fresh: bool,
        progress: Callable[[ProgressEvent], None],
        stop: Callable[[], bool],
        beat: Callable[[], None],
    ) -> Report:
        """One run; how it ended is in the report. `beat` is called at least as often as requests are made."""

    def plan(self, name: str) -> PlanView: ...
    def status(self) -> list[Row]: ...
    def holds(self, name: str | None = None) -> list[Row]: ...
    def approve(self, name: str) -> Row: ...
    def resolve(self, name: str, subject: str, choice: Mapping[str, Any]) -> Row: ...

    def reload(self, config: Config) -> None:
        """Swap the settings whole, or raise ConfigError and keep the old ones."""

    def close(self) -> None: ...


class Ended(msgspec.Struct, frozen=True):
    """How a run ended: what the daemon reads of its report. `retry_after`: the server's wish in seconds."""

    outcome: str
    reason: str = ""
    message: str = ""
    retry_after: float = 0.0
    side: str = "google"


class Verdict(Enum):
    """What the end of a run means for the next one."""

    WELL = auto()
    LATER = auto()  # nobody's fault: another worker, a world that moved, a full disk of our own
    FAILED = auto()  # the side did not do what it should
    PERSON = auto()  # tried again slowly, until somebody has mended it
    CONSENT = auto()  # not tried again before the user has connected again


def _reasons(*kinds: type[SyncError]) -> frozenset[str]:
    """The reasons of these errors and of all that are derived from them."""
    found = {kind.reason for kind in kinds}
    for kind in kinds:
        found |= _reasons(*kind.__subclasses__())
    return frozenset(found)


FAULT = Fatal("a fault of syncd itself; see its log")
"""What people are told of an exception that has no name."""

PERSON = _reasons(NeedsHuman)
FAULT_OF_NOBODY = _reasons(Replan) | {"busy", "already_running", "disk_full", "stopping"}


def verdict(ended: Ended) -> Verdict:
    """What this end means."""
    if ended.outcome in ("ok", "held"):
        return Verdict.WELL
    if ended.outcome == "needs_consent":
        return Verdict.CONSENT
    if ended.reason in FAULT_OF_NOBODY:
        return Verdict.LATER
    return Verdict.PERSON if ended.reason in PERSON else Verdict.FAILED


def ended_by(error: SyncError) -> Ended:
    """A reading or a run that this error ended."""
    after = error.after if isinstance(error, RetryLater) else None
    return Ended("failed", error.reason, str(error), after or 0.0, "crm")


def unstarted(account: str, error: SyncError) -> Row:
    """The report of a run that was asked for and did not begin, in the shape of all reports."""
    outcome = "busy" if isinstance(error, (RetryLater, Replan)) else "failed"
    return {
        "account": account,
        "outcome": outcome,
        "run": "",
        "full": False,
        "crm": dict.fromkeys(("created", "updated", "tagged", "untagged"), 0),
        "google": dict.fromkeys(("created", "updated", "grouped", "ungrouped"), 0),
        **dict.fromkeys(("linked", "conflicts", "held", "rejected", "in_doubt"), 0),
        "requests": {"crm": 0, "google": 0},
        "seconds": 0.0,
        "reason": error.reason,
        "message": f"{error} {error.fix}".strip() if isinstance(error, NeedsHuman) else str(error),
    }
