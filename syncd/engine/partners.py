"""Find the partner of every newcomer on the whole other side, so that nothing is ever made twice.

`core.match` judges; here the candidates are looked up, read where their bodies are not stored, and claims are compared.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from syncd.core import match
from syncd.core.anchor import parse_anchor
from syncd.core.contact import Base, Record, RecordId, Side
from syncd.core.ports import KeyKind
from syncd.core.step import Case, Hold, HoldReason, Link, LinkState, Presence
from syncd.engine.run import Run

CHUNK = 300
"""Newcomers looked up together."""

Key = tuple[KeyKind, str]


NO_BASE = Base((), ())
"""What a link that follows a new record starts from: nothing that both sides agreed on."""


class Verdict(NamedTuple):
    """What a newcomer is: has a `partner`, takes over a link (`follows`), waits, is a `twin`; all empty: it is new.

    `decided` by a person, who may also have said that it `leaves` its scope.
    """

    partner: RecordId | None = None
    follows: int | None = None
    hold: Hold | None = None
    twin: bool = False
    leaves: bool = False
    decided: bool = False

    @property
    def is_new(self) -> bool:
        return self._replace(decided=False) == (None, None, None, False, False, False)


class Verdicts:
    """One verdict per newcomer of the plan, small enough to keep: ids and reasons, no bodies."""

    def __init__(self) -> None:
        self._of: dict[tuple[Side, RecordId], Verdict] = {}
        self._strong: dict[Side, Counter[str]] = {Side.CRM: Counter(), Side.GOOGLE: Counter()}
        self._strong_of: dict[tuple[Side, RecordId], tuple[str, ...]] = {}

    def put(self, side: Side, record: RecordId, verdict: Verdict, strong: tuple[str, ...]) -> None:
        self._of[side, record] = verdict
        if verdict.is_new:
            self._strong_of[side, record] = strong
            self._strong[side].update(strong)

    def get(self, side: Side, record: RecordId) -> Verdict | None:
        return self._of.get((side, record))

    @property
    def moved_links(self) -> frozenset[int]:
        """Links that follow a newcomer: their old record's absence is no leaving."""
        return frozenset(v.follows for v in self._of.values() if v.follows is not None)

    def settle_claims(self) -> None:
        """Hold newcomers that claim one record twice, or that share a strong key and would be made twice."""
        claims: dict[tuple[Side, RecordId], set[RecordId]] = defaultdict(set)
        for (side, record), verdict in self._of.items():
            if verdict.partner is not None:
                claims[side.other, verdict.partner].add(record)
        for (side, wanted), claimants in claims.items():
            if self._is_decided(side, wanted, claimants):
                continue
            mine = self._of.get((side, wanted))
            rivals = claimants | ({mine.partner} if mine is not None and mine.partner is not None else set())
            if len(rivals) > 1:
                self._hold(((side.other, r) for r in claimants), Hold(HoldReason.CLAIMED_TWICE, (wanted,)))
                if mine is not None:
                    self._hold([(side, wanted)], Hold(HoldReason.CLAIMED_TWICE, tuple(sorted(claimants))))
        for (side, record), strong in self._strong_of.items():
            if any(self._strong[side][key] > 1 for key in strong):
                self._hold([(side, record)], Hold(HoldReason.SHARED_KEY))

    def _is_decided(self, side: Side, wanted: RecordId, claimants: set[RecordId]) -> bool:
        """Where a person said whose partner it is, the others wait, and it has no say of its own."""
        decided = next((r for r in sorted(claimants) if self._of[side.other, r].decided), None)
        if decided is None:
            return False
        others = ((side.other, r) for r in claimants if r != decided)
        self._hold(others, Hold(HoldReason.CLAIMED_TWICE, (wanted,)))
        if (side, wanted) in self._of:
            self._of[side, wanted] = Verdict(partner=decided, decided=True)
        return True

    def _hold(self, who: Iterable[tuple[Side, RecordId]], hold: Hold) -> None:
        for key in who:
            if key in self._of and not self._of[key].decided:
                self._of[key] = Verdict(hold=hold)


def judge_newcomers(run: Run, newcomers: Iterable[Case], chosen: Mapping[RecordId, Verdict]) -> Verdicts:
    """A verdict for each. `chosen` are people's decisions by newcomer id; they end the search."""
    verdicts = Verdicts()
    for chunk in _chunks(newcomers):
        for side in Side:
            group = [r for c in chunk if (r := _newcomer(c, side)) is not None]
            _judge_side(run, side, [r for r in group if r.id not in chosen], verdicts)
            for record in group:
                if record.id in chosen:
                    strong = match.strong_keys(record, run.settings.lens)
                    verdicts.put(side, record.id, _owned(run, side, chosen[record.id]), strong)
    verdicts.settle_claims()
    return verdicts


def _owned(run: Run, side: Side, chosen: Verdict) -> Verdict:
    """A person's verdict. A partner that is linked already brings its link along; its other record is free again."""
    if chosen.partner is None:
        return chosen
    owner = run.store.links_of(run.account, side.other, [chosen.partner]).get(chosen.partner)
    if owner is None:
        return chosen
    if owner.state is LinkState.CREATING:
        return Verdict(hold=Hold(HoldReason.CLAIMED_TWICE, (chosen.partner,), "a create for it is in flight"))
    return chosen._replace(follows=owner.id)


def _newcomer(case: Case, side: Side) -> Record | None:
    return (case.crm if side is Side.CRM else case.google).record


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    iterator = iter(cases)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        yield chunk


def _judge_side(run: Run, side: Side, newcomers: Sequence[Record], verdicts: Verdicts) -> None:
    if not newcomers:
        return
    found = _candidates(run, side, newcomers)
    bodies = read_bodies(run, side.other, {i for ids in found.values() for i in ids})
    owners = run.store.links_of(run.account, side.other, {i for ids in found.values() for i in ids})
    twins = _anchored(run, side, newcomers)
    former = _former(run, side, newcomers)
    for record in newcomers:
        strong = match.strong_keys(record, run.settings.lens)
        if record.id in twins:
            verdicts.put(side, record.id, twins[record.id], strong)
            continue
        candidates = [bodies[i] for i in sorted(found[record.id]) if i in bodies]
        judged = match.judge(record, side, candidates, run.settings.lens, crm_tenant=run.tenant, former=former)
        verdicts.put(side, record.id, _against_links(run, side, judged, owners), strong)


def _candidates(run: Run, side: Side, newcomers: Sequence[Record]) -> dict[RecordId, set[RecordId]]:
    """Ids on the other side that share a key with each newcomer. Keys over-approximate; `judge` decides."""
    wanted: dict[Key, list[RecordId]] = defaultdict(list)
    found: dict[RecordId, set[RecordId]] = {r.id: set() for r in newcomers}
    for record in newcomers:
        for key in match.keys(record):
            wanted[key].append(record.id)
        if side is Side.GOOGLE:
            wanted[KeyKind.FORMER, record.id].append(record.id)
            found[record.id].update(
                a.crm_id for t in record.anchors if (a := parse_anchor(t)) and a.tenant == run.tenant
            )
    for key, hits in run.store.candidates(run.source(side.other).id, wanted).items():
        for newcomer in wanted[key]:
            found[newcomer] |= hits
    if side is Side.CRM:
        for newcomer, hits in _known_before(run, newcomers).items():
            found[newcomer] |= hits
    return found


def _known_before(run: Run, newcomers: Sequence[Record]) -> dict[RecordId, set[RecordId]]:
    """Google contacts as which Creatio's old sync knew these CRM contacts."""
    return run.store.sharing(KeyKind.FORMER, run.crm.id, [r.id for r in newcomers], run.google.id)


def _former(run: Run, side: Side, newcomers: Sequence[Record]) -> dict[RecordId, frozenset[RecordId]]:
    """CRM contact -> the Google ids under which Creatio's old sync knew it."""
    if side is Side.CRM:
        return {crm_id: frozenset(ids) for crm_id, ids in _known_before(run, newcomers).items()}
    asked = [(KeyKind.FORMER, str(r.id)) for r in newcomers]
    known: dict[RecordId, set[RecordId]] = defaultdict(set)
    for (_kind, google_id), crm_ids in run.store.candidates(run.crm.id, asked).items():
        for crm_id in crm_ids:
            known[crm_id].add(RecordId(google_id))
    return {crm_id: frozenset(ids) for crm_id, ids in known.items()}


def read_bodies(run: Run, side: Side, ids: set[RecordId]) -> dict[RecordId, Record]:
    """Stored bodies, and point reads for the contacts out of scope, of which only keys are kept."""
    bodies = run.store.bodies(run.source(side).id, ids)
    missing = sorted(ids - bodies.keys())
    if missing:
        run.show("reading candidates", 0, len(missing))
        with run.source(side).turn:
            fetched = run.source(side).remote.fetch(missing)
        bodies.update({i: r for i, r in fetched.items() if r is not None})
    return bodies


def presence_of(run: Run, side: Side, record: RecordId | None) -> Presence | None:
    """How a record stands in this account, read where only its keys are known; None where there is none."""
    if record is None:
        return None
    stored = run.store.presence(run.account, side, [record]).get(record)
    if stored is not None and stored.record is not None:
        return None if stored.gone else stored
    body = read_bodies(run, side, {record}).get(record)
    return None if body is None else Presence(record=body)


def _against_links(run: Run, side: Side, judged: RecordId | Hold | None, owners: Mapping[RecordId, Link]) -> Verdict:
    """A partner that is linked already is free only if its link lost its record on the newcomer's side."""
    if judged is None:
        return Verdict()
    if isinstance(judged, Hold):
        return Verdict(hold=judged)
    owner = owners.get(judged)
    if owner is None:
        return Verdict(partner=judged)
    if owner.state is LinkState.CREATING:
        return Verdict(hold=Hold(HoldReason.CLAIMED_TWICE, (judged,), "a create for it is in flight"))
    case = run.store.case(run.account, owner.id)
    old = case.crm if side is Side.CRM else case.google
    old_id = owner.crm_id if side is Side.CRM else owner.google_id
    if old.gone or old_id is None:
        return Verdict(partner=judged, follows=owner.id)
    return Verdict(hold=Hold(HoldReason.CLAIMED_TWICE, (judged,)))


def _anchored(run: Run, side: Side, newcomers: Sequence[Record]) -> dict[RecordId, Verdict]:
    """Google contacts that carry a marker of ours although another live contact is linked under it: twins."""
    if side is Side.CRM:
        return {}
    marked = {r.id: a for r in newcomers for t in r.anchors if (a := parse_anchor(t)) and a.tenant == run.tenant}
    links = run.store.links_of(run.account, Side.CRM, {a.crm_id for a in marked.values()})
    verdicts: dict[RecordId, Verdict] = {}
    for record in newcomers:
        anchor = marked.get(record.id)
        link = links.get(anchor.crm_id) if anchor else None
        if link is None or link.google_id in (None, record.id) or link.state is LinkState.CREATING:
            continue
        linked = run.store.case(run.account, link.id).google
        if linked.gone or linked.record is None:
            continue
        same = record.anchors == linked.record.anchors and match.keys(record) == match.keys(linked.record)
        clash = Hold(HoldReason.ANCHOR_CLASH, (link.google_id,)) if link.google_id else None
        verdicts[record.id] = Verdict(twin=True) if same else Verdict(hold=clash)
    return verdicts
