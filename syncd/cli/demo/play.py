"""Plays scenes on a stage: tells them, lets syncd run, reads what became of it. What happens in a scene is its own."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncd.cli.demo.sight import Sight, crm_contacts, google_contacts
from syncd.cli.demo.stage import Player, Stage
from syncd.cli.demo.telling import Summary, Teller, Told
from syncd.core.contact import AccountName
from syncd.core.errors import SyncError
from syncd.core.ports import HistoryRow

if TYPE_CHECKING:
    from syncd.app import App

MISHAPS = (SyncError, RuntimeError, LookupError, OSError, subprocess.SubprocessError)
"""What may end a scene early. The story goes on with the next one."""
ROUNDS = 6
"""Syncs until nothing is left to do; each account's own writes may make the other one due."""
PATIENCE = 30.0
LOOK = 0.02
WORDS = {
    "google_created": "{} made in Google",
    "crm_created": "{} made in the CRM",
    "linked": "{} linked",
    "google_found": "{} found in Google by its marker",
    "crm_found": "{} found in the CRM by its id",
    "google_updated": "{} updated in Google",
    "crm_updated": "{} updated in the CRM",
    "crm_tagged": "{} tagged",
    "crm_untagged": "{} untagged",
    "google_grouped": "{} put into the group",
    "google_ungrouped": "{} taken out of the group",
    "conflicts": "{} decided between two edits",
    "in_doubt": "{} in doubt",
    "rejected": "{} refused",
    "held": "{} waiting for a person",
}
ENDED, ADOPTED = "SY102", "SY203"
"""The events of a run that did something, and of a contact found again after its answer was lost."""


@dataclass(frozen=True)
class Scene:
    """`text` tells what it is about, `sees` is what both sides hold, `act` plays it and checks how it came out."""

    title: str
    text: str
    sees: Callable[[Play], Sight]
    act: Callable[[Play], None]


@dataclass
class Play:
    """What a scene has in hand: the stage, and ways to tell what it does and sees."""

    stage: Stage
    teller: Teller
    scenes: list[Told] = field(default_factory=list)
    _sees: Callable[[Play], Sight] | None = None
    _shown: Sight | None = None
    _log_at: int = 0
    _scene_at: int = 0

    # -------------------------------------------------------------------------------------------- the whole

    def perform(self, scenes: Sequence[Scene]) -> Summary:
        """Play them all, each whatever became of the one before."""
        began = time.monotonic()
        for number, scene in enumerate(scenes, start=1):
            self._play(number, scene)
        return Summary(tuple(self.scenes), self._requests(), self._done(), self._deleted(), time.monotonic() - began)

    def _play(self, number: int, scene: Scene) -> None:
        told, began = Told(number, scene.title, scene.text), time.monotonic()
        self.scenes.append(told)
        self.teller.scene(told)
        self._sees, self._log_at = scene.sees, len(self.stage.daemon_log())
        self._scene_at = self._log_at
        try:
            self._raise_daemon()
            told.before, self._shown = scene.sees(self), None
            self.show("before", told.before)
            scene.act(self)
        except MISHAPS as error:
            told.trouble = f"{type(error).__name__}: {error}"
            self.teller.trouble(told.trouble)
        finally:
            self.stage.google.faults.clear()
            self.stage.crm.faults.clear()
        told.seconds = time.monotonic() - began
        self.teller.ended(told)

    def _raise_daemon(self) -> None:
        """A scene that ended early may have left none running."""
        if self._told.number > 1 and not self.stage.daemon_answers():
            self.stage.start_daemon()

    # -------------------------------------------------------------------------------------------- telling

    @property
    def _told(self) -> Told:
        return self.scenes[-1]

    def did(self, who: str, what: str) -> None:
        """Somebody did something on one side."""
        self._told.deeds.append(f"{who}: {what}")
        self.teller.deed(f"{who}: {what}")

    def note(self, text: str) -> None:
        self._told.notes.append(text)
        self.teller.note(text)

    def look(self) -> Sight:
        """What both sides hold now, shown beside what they held before."""
        self._told.after = self._sees(self) if self._sees is not None else None
        if self._told.after is None:
            raise LookupError("this scene has nothing to look at")
        self.show("after", self._told.after)
        return self._told.after

    def check(self, claim: str, *, ok: bool) -> None:
        """What the scene promised, and whether it is so."""
        self._told.checks.append((claim, ok))
        self.teller.check(claim, ok=ok)

    def show(self, label: str, sight: Sight) -> None:
        """What both sides hold at this moment; what changed since it was last shown is marked."""
        self.teller.sight(label, sight, self._shown)
        self._shown = sight

    # -------------------------------------------------------------------------------------------- as users

    def dial(self, player: Player, name: str, number: str) -> None:
        """Somebody gives a contact on their phone another mobile number."""
        user = self.stage.google.user(player.email)
        user.edit(self.resource(player, name), phoneNumbers=[{"value": number, "type": "mobile"}])

    def type_in(self, name: str, kind: str, number: str, player: Player) -> None:
        """Somebody gives a contact of the CRM another e-mail or number of a kind it has one of."""
        rows = self.stage.crm.children("ContactCommunication", "ContactId", self.crm_id(name))
        (row,) = [row["Id"] for row in rows if row["CommunicationTypeId"] == kind]
        self.stage.crm.patch("ContactCommunication", row, {"Number": number}, player.account)

    def crm_id(self, name: str) -> str:
        """The one CRM contact of that name. Raises LookupError when there is not exactly one."""
        return _only([str(contact["Id"]) for contact in crm_contacts(self.stage, name)], name)

    def resource(self, player: Player, name: str) -> str:
        """The one Google contact of that name. Raises LookupError when there is not exactly one."""
        return _only(list(google_contacts(self.stage, player, name)), name)

    @contextmanager
    def app(self) -> Iterator[App]:
        """syncd's own state, opened beside the daemon to be read."""
        from syncd.app import App

        with App.open(self.stage.config) as app:
            yield app

    def history(self, player: Player) -> tuple[HistoryRow, ...]:
        """What syncd wrote over or set aside for this account, the newest first."""
        with self.app() as app:
            return app.store.history(AccountName(player.account), run=None, record=None, limit=200)

    def found_again(self) -> int:
        """How many contacts of this scene, by syncd's log, were found after their answer was lost."""
        return sum(1 for _event in events(self.stage.daemon_log()[self._scene_at :], ADOPTED))

    # -------------------------------------------------------------------------------------------- running

    def later(self, minutes: float) -> None:
        """Let time pass on both servers."""
        self.stage.clock.advance(minutes * 60)
        self.stage.crm_clock.advance(minutes * 60)

    def sync(self, *players: Player) -> list[dict[str, Any]]:
        """One sync of these (none: all), asked of the daemon; shows what came of it."""
        with self._counted():
            return self.stage.sync(*(p.account for p in players))

    def settle(self) -> list[dict[str, Any]]:
        """Sync all accounts until nothing is left to do, as the passing of time would; the last reports."""
        with self._counted():
            reports = self.stage.sync()
            for _round in range(ROUNDS):
                if not any(map(_worked, reports)):
                    break
                reports = self.stage.sync()
        return reports

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Whatever runs inside, asked for or not, is shown as one line an account."""
        before, began = self._requests(), time.monotonic()
        yield
        spent = {side: count - before[side] for side, count in self._requests().items()}
        for line in self._ran() or ["nothing to do"]:
            self._told.runs.append(f"syncd, {line}")
            self.teller.ran(f"syncd, {line}")
        cost = f"requests: {spent['crm']} to the CRM, {spent['google']} to Google; {time.monotonic() - began:.1f} s"
        self._told.runs.append(cost)
        self.teller.cost(cost)

    def _ran(self) -> list[str]:
        """What the daemon's log says of the runs since the last look, an account a line."""
        log = self.stage.daemon_log()
        new, self._log_at = log[self._log_at :], len(log)
        lines = {account: _worded(counts) for account, counts in tally(new).items()}
        lines |= {
            e["account"]: f"HELD by the brake ({e['reason']})" for e in events(new, ENDED) if e["outcome"] == "held"
        }
        return [f"{account}: {text}" for account, text in sorted(lines.items())]

    def kill_inside(self, reached: Callable[[], bool], *players: Player) -> bool:
        """Ask for a sync and kill the daemon (SIGKILL) as soon as `reached`. False when it never was."""
        asking = threading.Thread(target=self._ask_in_vain, args=players, daemon=True)
        asking.start()
        there = self.wait_for(reached)
        self.stage.stop_daemon(signal.SIGKILL)
        asking.join(PATIENCE)
        return there

    def _ask_in_vain(self, *players: Player) -> None:
        try:
            self.stage.sync(*(p.account for p in players))
        except (SyncError, OSError):
            return  # the daemon is dead; that is the point

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Whether it came true in time."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > give_up:
                return False
            time.sleep(LOOK)
        return True

    # -------------------------------------------------------------------------------------------- counting

    def _requests(self) -> dict[str, int]:
        return {"crm": len(self.stage.crm.log), "google": len(self.stage.google.log)}

    def _done(self) -> dict[str, dict[str, int]]:
        """What the daemon's log says its runs wrote."""
        total: Counter[str] = sum(tally(self.stage.daemon_log()).values(), Counter())
        return {
            "crm": {key: total[f"crm_{key}"] for key in ("created", "found", "updated", "tagged", "untagged")},
            "google": {key: total[f"google_{key}"] for key in ("created", "found", "updated", "grouped", "ungrouped")},
        }

    def _deleted(self) -> dict[str, int]:
        """Deletions of contacts that reached a server over its API; people's own do not go that way."""
        crm, google = self.stage.crm.counters, self.stage.google.calls
        return {
            "crm": crm["DELETE Contact"] + crm["$batch DELETE Contact"],
            "google": google["people.deleteContact"] + google["people.batchDeleteContacts"],
        }


def _only(found: Sequence[str], name: str) -> str:
    if len(found) != 1:
        raise LookupError(f"there are {len(found)} contacts named {name}")
    return found[0]


def tally(log: str) -> dict[str, Counter[str]]:
    """What the runs of a log did, by account."""
    found: dict[str, Counter[str]] = {}
    for event in events(log, ENDED):
        counts = {key: int(event.get(key, 0)) for key in WORDS}
        found.setdefault(event["account"], Counter()).update(counts)
    for event in events(log, ADOPTED):
        found.setdefault(event["account"], Counter())[f"{event['side']}_found"] += 1
    return found


def events(log: str, name: str) -> Iterator[dict[str, Any]]:
    """The lines of a JSON log that tell of this event. A line cut off by a kill is none."""
    for line in log.splitlines():
        if f'"{name}"' not in line:
            continue
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row.get("event") == name:
            yield row


def _worked(report: Mapping[str, Any]) -> bool:
    counts = (*report["crm"].values(), *report["google"].values(), report["linked"], report["conflicts"])
    return report["outcome"] == "busy" or any(counts)


def _worded(counts: Mapping[str, int]) -> str:
    said = [words.format(counts[key]) for key, words in WORDS.items() if counts[key]]
    return ", ".join(said) or "nothing to do"
