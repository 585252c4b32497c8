"""What the answer to a batch says of each write. Pure: answers and plans in, outcomes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.creatio.changes import Plan
from adapters.creatio.odata import Answer, kind_of, message_of
from adapters.creatio.parts import Part
from syncd.core.contact import Record
from syncd.core.ports import Create, Done, Missing, Outcome, Refused, Stale, Unknown, Unsent, Update, Write

Answers = Mapping[str, Answer]
"""Answers by the ids of their parts."""


def judged(write: Write, plan: Plan, answers: Answers, seen: tuple[Record | None] | None) -> Outcome:
    """What became of a contact's parts. `seen` is the contact as it is now (None in it: not there), None: not read."""
    replies = [answers.get(part.id) for part in plan.parts]
    record = seen[0] if seen else None
    failed = next((n for n, r in enumerate(replies) if r is not None and not r.ok and r.status != 424), None)
    if failed is not None:
        return _refused_part(write, plan, failed, answers, seen)
    if plan.parts and not any(replies):
        return Unsent()
    if None in replies:
        return Unknown("the answer leaves out parts of the contact")
    if seen is not None and record is None:
        return Missing() if isinstance(write, Update) else Unknown("the contact was made and is not there")
    return Done(record, plan.rows, plan.unholdable)


def _refused_part(
    write: Write, plan: Plan, failed: int, answers: Answers, seen: tuple[Record | None] | None
) -> Outcome:
    """A part failed. The contact as it is now tells a write that was repeated from one that is refused."""
    part, answer = plan.parts[failed], answers[plan.parts[failed].id]
    record = seen[0] if seen else None
    if seen is None:
        return failure(answer) if answer.status < 500 else Unknown("refused, and the contact could not be read back")
    if isinstance(write, Create):
        return Done(record, plan.rows, plan.unholdable) if record is not None else failure(answer)
    if record is None:
        return Missing()
    rows = rows_of(record)
    if plan.posted and rows.issuperset(plan.posted):
        return Done(record, plan.rows, plan.unholdable)
    if part.key and part.set != "Contact" and part.key not in rows:
        return Stale()
    return failure(answer)


def failure(answer: Answer) -> Outcome:
    """A refused part that says nothing about the record's state."""
    text = message_of(answer.body).casefold()
    if answer.status in (408, 429):
        return Unsent()
    if answer.status in (502, 503, 504) or "deadlock" in text or "timeout" in text:
        return Unknown(f"{answer.status} {kind_of(answer.body)}".strip())
    return Refused(f"{answer.status} {kind_of(answer.body)}".strip())


def left(parts: Sequence[Part], answers: Answers) -> Outcome:
    """A row that is not there any more is as good as deleted."""
    replies = [answers.get(part.id) for part in parts]
    failed = next((r for r in replies if r is not None and not r.ok and r.status != 404), None)
    if failed is not None:
        return failure(failed)
    return Unsent() if None in replies else Done()


def rows_of(record: Record) -> set[str]:
    """The ids of all its detail rows, units or not."""
    idle = (record.extra or {}).get("idle", ())
    return {unit.native for unit in record.units if unit.native} | {row[0] for row in idle}


def all_ok(parts: Sequence[Part], answers: Answers) -> bool:
    """Whether every part was carried out."""
    return all(part.id in answers and answers[part.id].ok for part in parts)
