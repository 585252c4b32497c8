"""Several users of one CRM in memory: each has an account of their own, a private tag, and an address book."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adapters.memory import Memory
from syncd.core.contact import Side
from syncd.engine.report import Report
from tests.engine.world import World

NAMES = ("anna", "ben", "carl")


@dataclass
class Office:
    """`users` share the CRM and the state. All servers tell one time."""

    folder: Path
    number: int = 2
    crm: Memory = field(default_factory=lambda: Memory(Side.CRM))

    def __post_init__(self) -> None:
        self.users = [self._user(who) for who in NAMES[: self.number]]
        for user in self.users:
            self.sync(user)

    def _user(self, who: str) -> World:
        google = Memory(Side.GOOGLE)
        google.clock = self.crm.clock
        return World(self.folder, crm=self.crm, google=google, account=who, tag_name=f"Google of {who}")

    def sync(self, user: World) -> Report:
        """One run of one account, some time after all others."""
        user.now = max(u.now for u in self.users) if hasattr(self, "users") else user.now
        report = user.sync()
        assert report.outcome == "ok", report
        return report

    def settle(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            for user in self.users:
                self.sync(user)

    def close(self) -> None:
        for user in self.users:
            user.store.close()
