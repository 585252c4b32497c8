"""A whole small world in memory: two sides, a real SQLite store, the real engine. What tests play on."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs

from adapters.memory import Memory
from state.store import SqlStore
from syncd.core.contact import AccountName, Field, RecordId, ScopeId, Side, SourceId, Unit
from syncd.core.policy import Lens, Limits
from syncd.core.ports import AccountRow, ScopeWish
from syncd.engine import people, views
from syncd.engine.cycle import run_cycle
from syncd.engine.pull import Wanted, pull
from syncd.engine.report import Report
from syncd.engine.run import Run, Settings, Source, turn
from syncd.engine.scopes import prepare


def name(given: str, family: str = "") -> Unit:
    return Unit(Field.NAME, (given, "", family))


def email(address: str, label: str = "work") -> Unit:
    return Unit(Field.EMAIL, (address,), label)


def phone(number: str, label: str = "mobile") -> Unit:
    return Unit(Field.PHONE, (number,), label)


def notes(text: str) -> Unit:
    return Unit(Field.NOTES, (text,))


def job(company: str, title: str = "", department: str = "") -> Unit:
    return Unit(Field.JOB, (company, title, department))


@dataclass
class World:
    """`crm` and `google` are what users play on; `sync()` is a manual run of the one account."""

    folder: Path
    crm: Memory = field(default_factory=lambda: Memory(Side.CRM))
    google: Memory = field(default_factory=lambda: Memory(Side.GOOGLE))
    account: str = "anna"
    tag_name: str = "Google"
    fingerprint: str = "same"
    review_first: bool = False
    seconds: itertools.count[int] = field(default_factory=lambda: itertools.count(1_800_000_000, 60))
    limits: Limits = field(default_factory=Limits)
    policy: dict[str, object] = field(default_factory=dict)
    stop: Callable[[], bool] = lambda: False

    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = SqlStore.open(f"sqlite:///{self.folder}/state.db")
        self.now = float(next(self.seconds))
        self.crm_source = Source(SourceId("crm:acme"), self.crm)
        self.google_source = Source(SourceId(f"google:{self.account}"), self.google)
        self._register()

    def _register(self) -> None:
        self.store.source(self.crm_source.id, Side.CRM)
        self.store.source(self.google_source.id, Side.GOOGLE)
        if self.store.account(AccountName(self.account)) is None:
            self.store.put_account(
                AccountRow(
                    name=AccountName(self.account),
                    crm=self.crm_source.id,
                    google=self.google_source.id,
                    state="new",
                    message="",
                    pairs=(),
                    fingerprint="",
                    planned=(-1, -1),
                    next_due=0.0,
                    last_run=0.0,
                    failures=0,
                    facts={},
                )
            )

    def restart(self) -> None:
        """The process that died is followed by a new one on the same database."""
        self.store.close()
        self.store = SqlStore.open(f"sqlite:///{self.folder}/state.db")
        self.crm_source = Source(self.crm_source.id, self.crm)
        self.google_source = Source(self.google_source.id, self.google)

    @staticmethod
    def later(clock: itertools.count[int]) -> itertools.count[int]:
        """A server's clock an hour on."""
        return itertools.count(next(clock) + 3_600_000_000, 1_000_000)

    def settings(self) -> Settings:
        policy = {
            "first_link": "crm",
            "conflict": "field",
            "tie": Side.CRM,
            "direction": "both",
            "company": "link",
        } | self.policy
        return Settings(
            name=AccountName(self.account),
            tenant="https://crm.example",
            pairs=((ScopeWish(self.tag_name), ScopeWish("Creatio")),),
            lens=Lens("US", self.crm.capabilities, self.google.capabilities),
            limits=self.limits,
            policy=policy,
            review_first=self.review_first,
            full_every=86_400.0,
            owner="",
            custom_crm=(),
            custom_google=(),
            fingerprint=self.fingerprint,
        )

    def run(self) -> Run:
        return Run(
            settings=self.settings(),
            store=self.store,
            crm=self.crm_source,
            google=self.google_source,
            now=self._clock,
            sleep=lambda _s: None,
            fresh=True,
            stop=self.stop,
            tell=self._tell,
        )

    def _tell(self, event: str, **facts: object) -> None:
        self.told.append((event, facts))

    def _clock(self) -> float:
        return self.now

    def wanted(self) -> dict[Side, Wanted]:
        rows = self.store.accounts()
        pairs = next(row.pairs for row in rows if row.name == self.account)
        return {
            Side.CRM: Wanted(tuple(p[0] for row in rows for p in row.pairs), (), 86_400.0),
            Side.GOOGLE: Wanted(tuple(p[1] for p in pairs), (), 86_400.0),
        }

    def sync(self) -> Report:
        """What `syncd sync` does: read the CRM, then run the account."""
        self.now += 60
        run = self.run()
        prepare(run)
        with turn(self.store, self.crm_source, run.id, run.now, run.sleep) as lease:
            pull(self.store, self.crm_source, lease, self.wanted()[Side.CRM], self.now, fresh=True)
        return run_cycle(run, self.wanted())

    def linked(self, number: int, *more: Unit) -> list[tuple[RecordId, RecordId]]:
        """So many contacts in step: the two ids of each."""
        made = [self.tagged(name(f"Given{n:02}", "Family"), email(f"p{n:02}@x.example"), *more) for n in range(number)]
        assert self.sync().outcome == "ok"
        return [(crm, self.google_of(crm)) for crm in made]

    def google_of(self, crm: RecordId) -> RecordId:
        """The Google contact that is linked with this CRM contact."""
        found = self.store.links_of(AccountName(self.account), Side.CRM, [crm])[crm].google_id
        assert found is not None
        return found

    def approve(self) -> None:
        people.approve(self.store, AccountName(self.account), self.now)

    def resolve(self, subject: str, **choice: object) -> None:
        people.resolve(self.store, AccountName(self.account), subject, choice, self.now)

    def holds(self) -> list[dict[str, Any]]:
        return list(views.holds(self.store, AccountName(self.account)))

    def reasons(self) -> set[str]:
        """Why the plan is held."""
        plan = self.store.kept_plan(AccountName(self.account))
        return set(plan.reasons) if plan is not None and plan.state == "held" else set()

    def expect_silence(self) -> None:
        """A run now asks each side once and writes nothing to either, nor plans anything."""
        before = (self.crm.requests, self.google.requests)
        run = self.sync()
        assert run.outcome == "ok", run
        assert not any((*structs.astuple(run.crm), *structs.astuple(run.google))), run
        assert (self.crm.requests - before[0], self.google.requests - before[1]) == (1, 1)
        assert self.store.decisions(AccountName(self.account)) == ()

    # ------------------------------------------------------------------------------------------ as users

    @property
    def tag(self) -> ScopeId:
        return next(s for s, n in self.crm.scopes.items() if n == self.tag_name)

    @property
    def group(self) -> ScopeId:
        return next(s for s, n in self.google.scopes.items() if n == "Creatio")

    def tagged(self, *units: Unit) -> RecordId:
        record = self.crm.edit(None, *units)
        self.crm.join(record, self.tag)
        return record

    def grouped(self, *units: Unit) -> RecordId:
        record = self.google.edit(None, *units)
        self.google.join(record, self.group)
        return record

    def says(self, side: Side) -> list[tuple[str, ...]]:
        """The members of a side as sorted lines of what they say, for comparing."""
        memory, scope = (self.crm, self.tag) if side is Side.CRM else (self.google, self.group)
        return sorted(self.content(memory, r) for r in memory.members[scope])

    @staticmethod
    def content(memory: Memory, record: RecordId) -> tuple[str, ...]:
        return tuple(
            sorted(f"{u.field.value}={'|'.join(u.value)}" for u in memory.records[record].units if any(u.value))
        )
