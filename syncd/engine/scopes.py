"""The tags and groups of an account: found by name once, followed by id, looked for when they seem to be gone."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from syncd.core.contact import ScopeId, Side
from syncd.core.errors import TagMissing
from syncd.core.ports import AccountRow, Ending
from syncd.engine.pull import Wanted
from syncd.engine.run import Run, turn

NOT_THERE = ScopeId("")
"""A group that a preview found missing."""
REBUILD = "rebuild"
"""The subject of the decision to make a tag or group anew."""
UNPLANNED = (-1, -1)
"""Revisions no source has: the next run plans whatever was read."""


def prepare(run: Run, *, make: bool = True) -> tuple[str, ...]:
    """Find the tags and groups of an account once; they are followed by id from then on.

    What is missing is made, where that is ours to do, and so is what a person wants rebuilt. With `make=False` nothing
    is made: a missing group stands for itself as `NOT_THERE` until a run makes it, and its name is returned; a missing
    tag is always `TagMissing`.
    """
    row = run.row()
    if len(row.pairs) == len(run.settings.pairs) and row.facts.get("wishes") == _wishes(run):
        if make:
            _rebuild_if_asked(run)
        return ()
    pairs, missing = _found_pairs(run, make=make)
    facts = row.facts if missing else {**row.facts, "wishes": _wishes(run)}
    run.store.put_account(msgspec.structs.replace(row, pairs=pairs, facts=facts, planned=UNPLANNED))
    return missing


def _found_pairs(run: Run, *, make: bool) -> tuple[tuple[tuple[ScopeId, ScopeId], ...], tuple[str, ...]]:
    pairs: list[tuple[ScopeId, ScopeId]] = []
    missing: list[str] = []
    for tag, group in run.settings.pairs:
        with run.crm.turn:
            tag_id = run.crm.remote.resolve(tag, make=make)
        try:
            with run.google.turn:
                pairs.append((tag_id, run.google.remote.resolve(group, make=make)))
        except TagMissing:
            pairs.append((tag_id, NOT_THERE))
            missing.append(group.name)
    return tuple(pairs), tuple(missing)


def _wishes(run: Run) -> list[list[str]]:
    return [[tag.name, tag.owner, group.name] for tag, group in run.settings.pairs]


# ------------------------------------------------------------------------------------------------- what is gone


def gone_scopes(run: Run) -> frozenset[tuple[Side, int]]:
    """The tags and groups that no longer exist, asked for by id."""
    gone = set()
    for side in Side:
        with run.source(side).turn:
            for number, pair in enumerate(run.row().pairs):
                if run.source(side).remote.scope(pair[side is Side.GOOGLE]) is None:
                    gone.add((side, number))
    return frozenset(gone)


def unseen_scopes(run: Run) -> frozenset[tuple[Side, int]]:
    """Tags and groups that have members as far as we know, and that a reading looked for and was not shown."""
    unseen = {side: run.store.source(run.source(side).id, side).facts.get("unseen", ()) for side in Side}
    if not any(unseen.values()):
        return frozenset()
    counts = run.store.counts(run.account)
    return frozenset(
        (side, number)
        for side in Side
        for number, pair in enumerate(run.row().pairs)
        if pair[side is Side.GOOGLE] in unseen[side] and counts[f"{side.value}.{number}"]
    )


def forget_unseen(run: Run, seen: frozenset[tuple[Side, int]]) -> None:
    """These are there, as they were looked at by id."""
    for side in Side:
        scopes = {run.row().pairs[number][side is Side.GOOGLE] for one, number in seen if one is side}
        known = run.store.source(run.source(side).id, side).facts.get("unseen", ())
        left = [scope for scope in known if scope not in scopes]
        if left != list(known):
            run.store.note(run.source(side).id, {"unseen": left or None})


def empty(run: Run, gone: frozenset[tuple[Side, int]], wanted: Mapping[Side, Wanted]) -> None:
    """Nobody is in a tag or group that is gone; no reading says so by itself."""
    for side in Side:
        scopes = tuple(run.row().pairs[pair][side is Side.GOOGLE] for one, pair in sorted(gone) if one is side)
        source = run.source(side)
        cursor = run.store.source(source.id, side).cursor
        if not scopes or cursor is None:
            continue
        ending = Ending(cursor, snapshot=False, listed=scopes)
        if side is Side.GOOGLE:
            run.store.stage(run.google_lease, side).promote(ending, wanted[side].scopes, run.now())
            continue
        with turn(run.store, source, run.id, run.now, run.sleep) as lease:
            run.store.stage(lease, side).promote(ending, wanted[side].scopes, run.now())


def _rebuild_if_asked(run: Run) -> None:
    asked = [d for d in run.store.decisions(run.account) if d.subject == REBUILD]
    if not asked:
        return
    _rebuild(run, gone_scopes(run))
    for decision in asked:
        run.store.forget_decision(decision.id)


def _rebuild(run: Run, gone: frozenset[tuple[Side, int]]) -> None:
    """Make what is gone anew, under its name. Nobody is agreed to be in it, so that the other side brings them in.

    The links forget first: whatever is interrupted after that, their contacts are newcomers to the pair, not leavers.
    """
    row, known = run.row(), run.fingerprint()
    with turn(run.store, run.google, run.id, run.now, run.sleep) as lease:
        for number in {pair for _, pair in gone}:
            run.store.unpair(lease, run.account, number)
    found, _missing = _found_pairs(run, make=True)
    pairs = tuple(
        (new[0] if (Side.CRM, n) in gone else old[0], new[1] if (Side.GOOGLE, n) in gone else old[1])
        for n, (old, new) in enumerate(zip(row.pairs, found, strict=True))
    )
    members = {k: n for k, n in row.facts.get("members", {}).items() if k not in {f"{s.value}.{n}" for s, n in gone}}
    run.store.drop_plan(run.account)
    fresh = msgspec.structs.replace(row, pairs=pairs, planned=UNPLANNED, facts={**row.facts, "members": members})
    mark = run.fingerprint(fresh) if row.fingerprint == known else row.fingerprint
    run.store.put_account(msgspec.structs.replace(fresh, fingerprint=mark))
    for _side, number in sorted(gone):
        run.tell("SY113", pair=number)


def way_out(row: AccountRow, gone: frozenset[tuple[Side, int]]) -> str:
    """What a person can do about tags and groups that are gone."""
    what = " and ".join({Side.CRM: "the tag", Side.GOOGLE: "the group"}[side] for side in sorted({s for s, _ in gone}))
    return (
        f" In {row.name} {what} no longer exists. `syncd resolve {row.name} rebuild` makes it anew with its contacts,"
        f" `syncd resolve {row.name} let-go` takes them out of the other side's."
    )
