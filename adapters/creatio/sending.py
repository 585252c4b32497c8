"""Carrying out writes: one batch, sent once, and what its answer says of each. What to write is in `changes.py`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from adapters.creatio.budget import MOST_PARTS, Budget, batches_of
from adapters.creatio.changes import ROW_FIELDS, Plan, Site, additions, plan_create, plan_update, wanted_names
from adapters.creatio.client import BATCH_PARTS, LostReplyError, answers_of
from adapters.creatio.lookups import folded
from adapters.creatio.odata import Answer, fault, kind_of
from adapters.creatio.parts import Part, Read
from adapters.creatio.reading import Kit
from adapters.creatio.settings import CreatioSettings
from adapters.creatio.tagging import NAMESPACE
from adapters.creatio.verdicts import Answers, all_ok, failure, judged, left, rows_of
from syncd.core.contact import Field, Record, RecordId, ScopeId
from syncd.core.errors import MissingRight, NeedsHuman, SyncError, Unavailable
from syncd.core.ports import (
    Create,
    Done,
    Enter,
    Leave,
    Missing,
    Outcome,
    Refused,
    Stale,
    Unknown,
    Unsent,
    Update,
    Write,
)
from syncd.core.step import Change

MOST_WRITES: Final = 25
"""Contacts of a batch: as many as one list of ids takes, with room."""


@dataclass
class Sender:
    """Writes of one login."""

    kit: Kit
    settings: CreatioSettings
    monotonic: Callable[[], float] = time.monotonic
    budget: Budget = field(default_factory=Budget)
    _owners: dict[str, str] = field(default_factory=dict)

    # requests

    def split(self, writes: Sequence[Write]) -> list[tuple[Write, ...]]:
        """Neighbours of one kind together, as many as a batch takes."""
        calls: list[tuple[Write, ...]] = []
        for _, same in groupby(writes, key=type):
            calls += self._portions(list(same))
        return calls

    def _portions(self, writes: Sequence[Write]) -> Iterator[tuple[Write, ...]]:
        portion: list[Write] = []
        size = 0
        most = MOST_WRITES if isinstance(writes[0], Create | Update) else MOST_PARTS
        for write in writes:
            weight = _weight(write)
            if portion and (size + weight > self.budget.parts or len(portion) >= most):
                yield tuple(portion)
                portion, size = [], 0
            portion.append(write)
            size += weight
        if portion:
            yield tuple(portion)

    def send(self, call: tuple[Write, ...]) -> tuple[Outcome, ...]:
        """One batch. Raises only when nothing at all was applied."""
        creates = [w for w in call if isinstance(w, Create)]
        updates = [w for w in call if isinstance(w, Update)]
        if creates or updates:
            return self._send_records(call)
        enters = [w for w in call if isinstance(w, Enter)]
        if enters:
            return self._send_enters(enters)
        return self._send_leaves([w for w in call if isinstance(w, Leave)])

    def _transmit(self, parts: Sequence[Part], reads: Sequence[tuple[str, Read]] = ()) -> Answers:
        """The answers by part. A single write too big for a batch goes in several, in order, until one fails.

        `LostReplyError` when the outcome is not known.
        """
        batches = list(batches_of(parts, BATCH_PARTS - len(reads)))
        found: dict[str, Answer] = {}
        for n, some in enumerate(batches, 1):
            try:
                answers = self._one_batch(some, reads if n == len(batches) else ())
            except (SyncError, _BatchRefusedError) as exc:
                if n == 1:
                    raise
                raise LostReplyError(f"only a part of the contact was sent: {exc}") from exc
            found |= answers
            if any(part.group and part.id in answers and not answers[part.id].ok for part in some):
                break
        self._count_removals(parts, found)
        return found

    def _one_batch(self, parts: Sequence[Part], reads: Sequence[tuple[str, Read]]) -> Answers:
        begun = self.monotonic()
        whole = self.kit.client.write(parts, reads)
        if not whole.ok:
            raise self._whole_refused(whole)
        self.budget.learn(len(parts), self.monotonic() - begun)
        try:
            return answers_of(whole)
        except Unavailable as exc:
            raise LostReplyError(str(exc)) from exc

    def _whole_refused(self, whole: Answer) -> Exception:
        if whole.status >= 500:
            return LostReplyError(f"status {whole.status} {kind_of(whole.body)}")
        if whole.status in (403, 404, 408, 429):
            return fault(whole, "$batch")
        return _BatchRefusedError(f"status {whole.status} {kind_of(whole.body)}")

    def _count_removals(self, parts: Sequence[Part], answers: Answers) -> None:
        """Our own deletions lower the totals; the next reading shall not take them for somebody else's."""
        failed = {p.group for p in parts if p.group and (p.id not in answers or not answers[p.id].ok)}
        for part in parts:
            if part.method == "DELETE" and part.group not in failed and part.id in answers and answers[part.id].ok:
                self.kit.removals[part.set] += 1
                self.kit.bodies.totals[part.set] = self.kit.bodies.totals.get(part.set, 1) - 1

    def _attempt(self, call: Sequence[Write], act: Callable[[], tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
        try:
            return act()
        except LostReplyError as exc:
            return tuple(Unknown(str(exc)) for _ in call)
        except _BatchRefusedError as exc:
            self.budget.shrink()
            return tuple(Refused(str(exc)) if len(call) == 1 else Unsent() for _ in call)

    # contacts

    def _send_records(self, call: Sequence[Write]) -> tuple[Outcome, ...]:
        plans, made = self._plans(call)
        ids = [_record_id(write) for write in call]
        queries = self.kit.bodies.queries(ids)
        reads = [(f"read{n}", q) for n, q in enumerate(queries)] if self.kit.client.batch_get else []

        def act() -> tuple[Outcome, ...]:
            answers = self._transmit([*made, *(part for plan in plans for part in plan.parts)], reads)
            seen = self._seen(ids, [answers.get(name) for name, _ in reads], queries)
            return self._judged(call, plans, answers, seen)

        return self._attempt(call, act)

    def _plans(self, call: Sequence[Write]) -> tuple[list[Plan], list[Part]]:
        lookups, settings = self.kit.lookups, self.settings
        changes = [change for write in call for change in _changes(write)]
        lookups.seek(wanted_names(changes))
        made = self._accounts(changes) if settings.company == "create" else []
        bodies = self.kit.bodies
        site = Site(
            lookups.found, settings.company, settings.company_column, bodies.kinds, bodies.habits.family_first,
            self.kit.tags.scheme,
        )  # fmt: skip
        plans = [
            plan_create(write, self._owner(write), site, f"g{n}")
            if isinstance(write, Create)
            else plan_update(_update(write), site, f"g{n}")
            for n, write in enumerate(call)
        ]
        return plans, made

    def _accounts(self, changes: Sequence[Change]) -> list[Part]:
        """Accounts that are missing altogether. Of several of one name none is taken, and none is made."""
        made: dict[str, Part] = {}
        for change in changes:
            name = change.new.value[0].strip() if change.new and change.field is Field.JOB else ""
            if not name or self.kit.lookups.found("Account", name) or self.kit.lookups.several("Account", name):
                continue
            key = str(uuid.uuid5(NAMESPACE, f"account/{self.settings.root}/{folded(name)}"))
            made[key] = Part(f"account{len(made)}", "POST", "Account", body={"Id": key, "Name": name[:250]})
            self.kit.lookups.made("Account", name, key)
        return list(made.values())

    def _owner(self, write: Create) -> str:
        """Who owns a new contact: as configured, as asked for, else the owner of its tag, else the login itself."""
        who = self.settings.owner or write.owner
        if not who:
            return next((o for scope in write.scopes if (o := self.kit.tags.owner(scope))), self.kit.me)
        if who in self._owners:
            return self._owners[who]
        people = self.kit.tags.people(who)
        if len(people) != 1:
            raise NeedsHuman(
                f"{len(people)} contacts of the CRM are “{who}”", "Name the owner by e-mail, or by contact id."
            )
        self._owners[who] = next(iter(people))
        return self._owners[who]

    def _seen(
        self, ids: Sequence[RecordId], answers: Sequence[Answer | None], queries: Sequence[Any]
    ) -> Mapping[RecordId, Record] | None:
        """The contacts as they are now, from the read-back that rode along, else read after; None: not to be had."""
        try:
            whole = [answer for answer in answers if answer is not None and answer.ok]
            if queries and len(whole) == len(queries):
                return {r.id: r for r in self.kit.bodies.found(ids, queries, whole, {}).records}
            return {r.id: r for found in self.kit.bodies.read(ids, wary=False) for r in found.records}
        except SyncError:
            return None

    def _judged(
        self, call: Sequence[Write], plans: Sequence[Plan], answers: Answers, seen: Mapping[RecordId, Record] | None
    ) -> tuple[Outcome, ...]:
        outcomes = tuple(
            judged(write, plan, answers, seen if seen is None else (seen.get(_record_id(write)),))
            for write, plan in zip(call, plans, strict=True)
        )
        if any(isinstance(outcome, Refused) for outcome in outcomes):
            self.kit.lookups.forget_found()
        self._require_some_right(outcomes)
        outcomes = self._confirmed(call, outcomes)
        return tuple(self._completed(w, o, p, answers) for w, o, p in zip(call, outcomes, plans, strict=True))

    def _confirmed(self, call: Sequence[Write], outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        """A contact is missing only once it is proven; where a right may have been lost, nothing is known."""
        ids = [_record_id(w) for w, o in zip(call, outcomes, strict=True) if isinstance(o, Missing)]
        if not ids:
            return outcomes
        try:
            gone = set(self.kit.trust.gone(ids, self.kit.me, ()))
        except SyncError as exc:
            return tuple(Unknown(str(exc)) if isinstance(o, Missing) else o for o in outcomes)
        return tuple(
            Stale() if isinstance(o, Missing) and _record_id(w) not in gone else o
            for w, o in zip(call, outcomes, strict=True)
        )

    def _completed(self, write: Write, outcome: Outcome, plan: Plan, answers: Answers) -> Outcome:
        """A contact that was there already, from an earlier try: what that try left out is added, its tag last."""
        if not isinstance(write, Create) or not isinstance(outcome, Done) or all_ok(plan.parts, answers):
            return outcome
        record, owner = outcome.record, _record_id(write)
        try:
            tagged = self._tag_rows(owner, write.scopes)
            have = {owner, *tagged, *(rows_of(record) if record else ())}
            lacking = [part for part in plan.parts if part.body is not None and part.body["Id"] not in have]
            if lacking:
                again = self._transmit(lacking)
                refused = next((a for a in again.values() if not a.ok), None)
                if refused is not None:
                    return failure(refused)
                record = next((r for found in self.kit.bodies.read([owner], wary=False) for r in found.records), None)
                tagged = self._tag_rows(owner, write.scopes)
        except (SyncError, LostReplyError, _BatchRefusedError) as exc:
            return Unknown(f"the contact exists, perhaps not whole: {exc}")
        return Done(record, tagged, outcome.unholdable)

    def _tag_rows(self, owner: RecordId, scopes: Sequence[ScopeId]) -> tuple[str, ...]:
        return tuple(row for rows in self._members([owner], scopes).values() for row in rows)

    def _require_some_right(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes and all(isinstance(o, Refused) and o.reason.startswith("403") for o in outcomes):
            raise MissingRight(
                "the CRM lets the login write nothing",
                "Give it the rights to add and edit contacts, their communications, addresses and tags.",
            )

    # tags

    def _members(
        self, ids: Sequence[RecordId], scopes: Sequence[ScopeId]
    ) -> dict[tuple[ScopeId, RecordId], tuple[str, ...]]:
        queries = self.kit.tags.of_contacts(list(dict.fromkeys(ids)))
        answers = self.kit.client.read(queries)
        rows = [row for q, a in zip(queries, answers, strict=True) for row in a.rows(q)[0]]
        return {(m.scope, m.record): m.rows for m in self.kit.tags.memberships(rows, scopes)}

    def _send_enters(self, call: Sequence[Enter]) -> tuple[Outcome, ...]:
        ids, scopes = [w.record for w in call], [w.scope for w in call]
        there = self._members(ids, scopes)
        scheme = self.kit.tags.scheme
        parts: dict[int, Part] = {}
        for n, write in enumerate(call):
            if (write.scope, write.record) not in there:
                seed = f"{write.intent or write.record}/tag/{write.scope}"
                key = str(uuid.uuid5(NAMESPACE, seed))
                parts[n] = Part(f"e{n}", "POST", scheme.rows, body=scheme.row(key, write.record, write.scope))
        if not parts:
            return tuple(Done(rows=there[w.scope, w.record]) for w in call)

        def act() -> tuple[Outcome, ...]:
            answers = self._transmit(list(parts.values()))
            outcomes = [
                self._entered(w, parts[n], answers) if n in parts else Done(rows=there[w.scope, w.record])
                for n, w in enumerate(call)
            ]
            self._require_some_right([o for n, o in enumerate(outcomes) if n in parts])
            return self._confirmed(call, tuple(outcomes))

        return self._attempt(call, act)

    def _entered(self, write: Enter, part: Part, answers: Answers) -> Outcome:
        answer = answers.get(part.id)
        if answer is None:
            return Unsent()
        if answer.ok and part.body is not None:
            return Done(rows=(part.body["Id"],))
        try:
            rows = self._members([write.record], [write.scope]).get((write.scope, write.record))
            if rows:
                return Done(rows=rows)
            return failure(answer) if self.kit.trust.present([write.record]) else Missing()
        except SyncError as exc:
            return Unknown(str(exc))

    def _send_leaves(self, call: Sequence[Leave]) -> tuple[Outcome, ...]:
        blank = [w for w in call if not w.rows]
        there = self._members([w.record for w in blank], [w.scope for w in blank]) if blank else {}
        rows = [w.rows or there.get((w.scope, w.record), ()) for w in call]
        set_ = self.kit.tags.scheme.rows
        parts = [[Part(f"l{n}.{i}", "DELETE", set_, key) for i, key in enumerate(ids)] for n, ids in enumerate(rows)]
        everything = [part for some in parts for part in some]

        def act() -> tuple[Outcome, ...]:
            answers = self._transmit(everything) if everything else {}
            outcomes = tuple(left(some, answers) for some in parts)
            self._require_some_right(outcomes)
            return outcomes

        return self._attempt(call, act)


class _BatchRefusedError(Exception):
    """The batch as a whole was refused before any part of it was carried out."""


# ---------------------------------------------------------------------------------------------- writes


def _weight(write: Write) -> int:
    """Parts of a batch that a write takes, at most."""
    if isinstance(write, Create):
        rows = sum(unit.field in (*ROW_FIELDS, Field.ADDRESS, Field.JOB) for unit in write.units)  # a job: its company
        return 1 + rows + len(write.scopes)
    if isinstance(write, Update):
        return 1 + 2 * len(write.changes)
    return max(1, len(write.rows)) if isinstance(write, Leave) else 1


def _changes(write: Write) -> tuple[Change, ...]:
    if isinstance(write, Create):
        return additions(write.units)
    return write.changes if isinstance(write, Update) else ()


def _record_id(write: Write) -> RecordId:
    if isinstance(write, Create):
        return RecordId(write.id or "")
    return write.record.id if isinstance(write, Update) else write.record


def _update(write: Write) -> Update:
    assert isinstance(write, Update)  # noqa: S101  the calls of `split` are of one kind
    return write
