"""The brake on a whole plan: what surrounds it is gathered here, `core.guard` judges it, and people may let it go."""

from __future__ import annotations

from typing import NamedTuple

from syncd.core import guard
from syncd.core.contact import Side
from syncd.core.step import LinkState, Step
from syncd.engine.pull import Wanted, observe_google, pull
from syncd.engine.run import Run, turn
from syncd.engine.scopes import forget_unseen, gone_scopes, unseen_scopes

APPROVAL_LASTS = 24 * 3600.0
"""Seconds an approval is good for."""
READ_AGAIN = ("read_again",)
"""Not a verdict: the shrinking side was read completely once more, and the plan has to be made again."""
FIRST_REVIEW = "first_sync"
RESTORED = "restored"
"""The state is an older copy: what it would do is shown before it is done. Also the account's fact of that name."""
HARMLESS_ALONE = frozenset({"fingerprint", "empty_side", RESTORED})
"""Reasons to wait only where something would be written."""
SHRINKING = frozenset({"leavers", "empty_side"})
WHOLE_PLAN = frozenset({"empty_side", "scope_gone", "fingerprint", FIRST_REVIEW, RESTORED})
"""Reasons that no single step carries: an approval names them instead."""


class Consent(NamedTuple):
    """What people let through: damaging steps by digest, and reasons that concern the whole plan."""

    damage: frozenset[str]
    reasons: frozenset[str]


def consent_of(run: Run) -> Consent:
    """The approvals that still hold: not older than a day, and given under the same fingerprint."""
    mark = run.fingerprint()
    alive = [
        d
        for d in run.store.decisions(run.account)
        if d.kind == "approve" and run.now() - d.made_at < APPROVAL_LASTS and d.value.get("fingerprint") == mark
    ]
    damage = frozenset(x for d in alive for x in d.value.get("damage", ()))
    return Consent(damage, frozenset(r for d in alive for r in d.value.get("reasons", ()) if r in WHOLE_PLAN))


def brake(
    run: Run, tally: guard.Tally, wanted: dict[Side, Wanted], consent: Consent, *, confirmed: bool = False
) -> tuple[str, ...]:
    """Why the plan has to wait; empty: it may go; `READ_AGAIN`: make it again from a second complete reading."""
    around = _surroundings(run, tally)
    reasons = guard.verdict(tally, around, run.settings.limits)
    if run.settings.review_first and around.first_run and tally.steps:
        reasons = (FIRST_REVIEW, *reasons)
    if run.row().facts.get(RESTORED):
        reasons = (RESTORED, *reasons)
    reasons = tuple(r for r in reasons if r not in consent.reasons and (r not in HARMLESS_ALONE or _writes(tally)))
    if not confirmed and SHRINKING & set(reasons):
        _read_whole(run, wanted)
        return READ_AGAIN
    return reasons


def _surroundings(run: Run, tally: guard.Tally) -> guard.Surroundings:
    counts = run.store.counts(run.account)
    row = run.row()
    before = dict(row.facts.get("members", {}))
    if run.let_go:
        before.update({f"{side.value}.{pair}": 0 for _, pair in run.gone or () for side in Side})
    members = [
        guard.Members(side, pair, int(before.get(f"{side.value}.{pair}", 0)), counts.get(f"{side.value}.{pair}", 0))
        for side in Side
        for pair in range(len(row.pairs))
    ]
    first_run = counts[LinkState.LIVE.value] + counts[LinkState.PARKED.value] == 0
    unseen = unseen_scopes(run)
    if run.gone is None and (unseen or _touches_scopes(tally, members, first_run=first_run)):
        run.gone = gone_scopes(run)
        forget_unseen(run, unseen - run.gone)
    whole = _whole(run) if _emptying(run, tally) else None
    return guard.Surroundings(
        links=counts[LinkState.LIVE.value],
        members=tuple(members),
        first_run=first_run,
        scope_gone=tuple(sorted({side for side, _ in run.gone or ()})),
        fingerprint_changed=row.fingerprint not in ("", run.fingerprint()),
        values=None if whole is None else whole.had_values,
        had_field=None if whole is None else whole.had_field,
    )


def _touches_scopes(tally: guard.Tally, members: list[guard.Members], *, first_run: bool) -> bool:
    """Whether tags and groups have to be looked at by id: somebody leaves or has vanished, or is to come in."""
    left = tally.leavers or any(m.after < m.before for m in members)
    come = tally.entered or tally.created_crm or tally.created_google
    return bool(left or (come and not first_run))  # the first run has just looked them up


def _writes(tally: guard.Tally) -> bool:
    """A plan that would write nothing proves that what changed does no harm."""
    told = (tally.leavers, tally.entered, tally.partners, tally.created_crm, tally.created_google)
    return any((*told, tally.updated_crm, tally.updated_google))


def _emptying(run: Run, tally: guard.Tally) -> bool:
    """Whether so much is emptied that it matters how much there was in all."""
    whole_field = any(n >= guard.FIELD_RECORDS for n in tally.emptied_fields.values())
    return whole_field or tally.emptied > run.settings.limits.emptied.count


def _whole(run: Run) -> guard.Tally:
    """All that the live links hold, one pass."""
    tally = guard.Tally()
    for case in run.store.cases(run.account):
        if case.link is not None and case.link.state is LinkState.LIVE:
            tally = guard.tally(tally, case, Step())
    return tally


def _read_whole(run: Run, wanted: dict[Side, Wanted]) -> None:
    run.tell("SY106", reason="shrinking")
    with turn(run.store, run.crm, run.id, run.now, run.sleep, run.beat) as lease:
        pull(run.store, run.crm, lease, wanted[Side.CRM], run.now(), full=True, each=lambda _page: run.keep(lease))
    observe_google(run, wanted[Side.GOOGLE], full=True)
