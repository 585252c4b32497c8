"""What people are shown: plans, holds and states as plain rows. Reads the store, decides nothing, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from syncd.core.contact import AccountName, Record, RecordId, Side, Unit
from syncd.core.ports import AccountRow, PlanRow, Store
from syncd.core.step import Change, HoldReason, Planned, Step

Row = dict[str, Any]

HOLD_TEXT = {
    HoldReason.SEVERAL_CANDIDATES: "several contacts of the other side could be this one",
    HoldReason.CLAIMED_TWICE: "two contacts claim the same partner",
    HoldReason.SAME_EMAIL_OTHER_NAME: "a contact with the same e-mail has another name",
    HoldReason.SHARED_KEY: "two new contacts look like the same person",
    HoldReason.MERGED_AWAY: "it was merged into another contact",
    HoldReason.UNREADABLE: "it is listed but cannot be read",
    HoldReason.ANCHOR_CLASH: "another contact carries its marker",
    HoldReason.SUCCESSOR: "it came back while another contact had taken its place",
    HoldReason.REFUSED: "the server refused it",
}


def plan_row(planned: Planned) -> Row:
    """One step as `syncd plan` prints it: what would be written where, with values, for the operator's eyes."""
    step, case = planned.step, planned.case
    row: Row = {
        "action": action_of(step),
        "name": display_name(case.crm.record or case.google.record),
        "crm": step.crm_id,
        "google": step.google_id,
    }
    for side in Side:
        changes = [_change(c) for c in step.changes(side)]
        if changes:
            row[f"{side.value}_changes"] = changes
    moves = [f"{'enter' if m.enter else 'leave'} {m.side.value}" for m in step.moves]
    if moves:
        row["moves"] = moves
    if step.hold is not None:
        row["hold"] = {
            "reason": step.hold.reason.value,
            "text": HOLD_TEXT[step.hold.reason],
            "candidates": list(step.hold.candidates),
        }
    if step.conflicts:
        row["conflicts"] = [
            {
                "field": c.field.value,
                "winner": c.winner.value,
                "won": _text(c.won),
                "lost": _text(c.lost),
                "why": c.why.value,
            }
            for c in step.conflicts
        ]
    return row


def action_of(step: Step) -> str:
    """The step in one word."""
    if step.hold is not None:
        return "hold"
    if step.quarantine:
        return "set apart"
    if step.create is not None:
        return f"create in {step.create.value}"
    if step.leaves:
        return "leave"
    if step.partner:
        return "link"
    return "update" if step.writes else "settle"


def display_name(record: Record | None) -> str:
    """The name a person would look for; an e-mail or a company where there is none."""
    if record is None:
        return ""
    for field in ("name", "job", "email", "phone"):
        for unit in record.units:
            if unit.field.value == field and any(unit.value):
                return " ".join(p for p in unit.value if p)
    return str(record.id)


def _change(change: Change) -> Row:
    unit = change.new or change.old
    label = unit.label if unit is not None else ""
    return {
        "field": change.field.value,
        "label": label,
        "old": _text(change.old),
        "new": _text(change.new),
        "why": change.why.value,
    }


def _text(unit: Unit | None) -> str:
    return "" if unit is None else ", ".join(p for p in unit.value if p)


def holds(store: Store, name: AccountName | None) -> Iterator[Row]:
    """Contacts and plans that wait for a person."""
    for account in store.accounts():
        if name not in (None, account.name):
            continue
        plan = store.kept_plan(account.name)
        if plan is not None and plan.state == "held":
            yield {
                "account": account.name,
                "what": "plan",
                "subject": plan.id,
                "reasons": list(plan.reasons),
                "tally": plan.tally,
                **({"choices": ["rebuild", "let-go"]} if "scope_gone" in plan.reasons else {}),
            }
    for account_name, link, hold, crm_id, google_id in store.holds(name):
        yield {
            "account": account_name,
            "what": "contact",
            "subject": str(link) if link else str(crm_id or google_id),
            "name": _held_name(store, account_name, crm_id, google_id),
            "crm": crm_id,
            "google": google_id,
            "reason": hold.reason.value,
            "text": HOLD_TEXT[hold.reason] + (f" ({hold.detail})" if hold.detail else ""),
            "candidates": list(hold.candidates),
        }


def _held_name(store: Store, name: AccountName, crm_id: RecordId | None, google_id: RecordId | None) -> str:
    row = store.account(name)
    if row is None:
        return ""
    for source, record in ((row.crm, crm_id), (row.google, google_id)):
        if source is not None and record is not None:
            body = store.bodies(source, [record]).get(record)
            if body is not None:
                return display_name(body)
    return ""


def status_row(
    row: AccountRow, counts: dict[str, int], plan: PlanRow | None, trouble: Mapping[str, Any] | None, now: float
) -> Row:
    """One account as a monitor sees it. `level`: ok, warning (single holds included), critical.

    `trouble` is why the last reading of its CRM failed, where it did.
    """
    held_plan = plan is not None and plan.state == "held"
    level = "ok"
    if counts.get("holds", 0) or row.state in ("new", "held") or row.failures:
        level = "warning"
    if row.state in ("needs_consent", "needs_human", "failed") or row.failures >= 3:
        level = "critical"
    if trouble is not None:
        level = "critical"
    if held_plan and plan is not None and now - plan.made_at > 24 * 3600:
        level = "critical"
    return {
        "account": row.name,
        "state": row.state,
        "level": level,
        "message": row.message or (f"CRM: {trouble['message']}" if trouble else ""),
        "last_run": row.last_run or None,
        "next_run": row.next_due or None,
        "linked": counts.get("live", 0),
        "parked": counts.get("parked", 0),
        "holds": counts.get("holds", 0),
        "in_doubt": counts.get("creating", 0),
        "failures": row.failures,
    }


def told(rows: Iterable[Row]) -> list[Row]:
    """Rows as JSON takes them."""
    return [msgspec.to_builtins(r) for r in rows]
