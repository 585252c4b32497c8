"""The three kinds of mutations: what goes out for each write, and what a reply says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adapters.google.body import MY_CONTACTS, created, updated
from adapters.google.client import PeopleClient
from adapters.google.denial import Denial, Denied, Kind, Lost, item_denial
from adapters.google.mapping import resource_of, to_record
from adapters.google.shape import Json, dicts, obj, texts
from syncd.core.errors import ContractBroken, RetryLater, SyncError
from syncd.core.ports import Create, Done, Enter, Leave, Missing, Outcome, Refused, Stale, Unknown, Unsent, Update

ITEM_KINDS = frozenset({Kind.STALE, Kind.MISSING, Kind.INVALID, Kind.TAKEN, Kind.CURSOR})
"""Denials that one item may have caused; the others concern the whole call, or the account."""

_NOT_SHOWN = Unknown("the reply does not show it")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One write as it goes out. `name` is what the reply calls it: the anchor of a create, else the resource name."""

    name: str
    body: Json = field(default_factory=dict)
    mask: tuple[str, ...] = ()


class Posting(Protocol):
    """Posts parcels in one request. Raises `Denied`, `Lost`, and the classes of `errors.py`."""

    def post(self, parcels: Sequence[Parcel]) -> list[Outcome]: ...

    def key(self, at: int, parcel: Parcel) -> str:
        """How an error names the parcel."""


def outcome_of(denial: Denial) -> Outcome:
    """What a denial means for the contact that caused it."""
    match denial.kind:
        case Kind.STALE:
            return Stale()
        case Kind.MISSING:
            return Missing()
        case kind if kind in ITEM_KINDS:
            return Refused(denial.word or "invalid")
        case _:
            return Unsent()


def _about_group(denied: Denied) -> Exception:
    """What a call that names a group could not find is the group, which Google may not know yet."""
    if denied.denial.kind is Kind.MISSING:
        return RetryLater("Google does not know the group, or not yet", 5.0)
    return denied


# ---------------------------------------------------------------------------------------------- creates


class Creating:
    """New contacts; the reply is read by the anchors in it, not by its order."""

    def __init__(self, client: PeopleClient, custom: tuple[str, ...]) -> None:
        self._client, self._custom = client, custom

    @staticmethod
    def parcel(create: Create) -> Parcel:
        return Parcel(create.anchor, created(create))

    def key(self, at: int, parcel: Parcel) -> str:
        return str(at)

    def post(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        try:
            reply = self._client.create_contacts([p.body for p in parcels], self._custom)
        except Denied as exc:
            raise _about_group(exc) from exc
        found: dict[str, Outcome] = {}
        for outcome in (_outcome_in(answer, self._custom) for answer in dicts(reply.get("createdPeople"))):
            if isinstance(outcome, Done) and outcome.record:
                found |= dict.fromkeys(outcome.record.anchors, outcome)
        return [found.get(p.name, _NOT_SHOWN) for p in parcels]


# ---------------------------------------------------------------------------------------------- updates


class Updating:
    """Changes to contacts, all with one mask."""

    def __init__(self, client: PeopleClient, custom: tuple[str, ...]) -> None:
        self._client, self._custom = client, custom

    @staticmethod
    def parcel(update: Update) -> Parcel:
        mask, person = updated(update.record, update.changes)
        return Parcel(str(person["resourceName"]), person, mask)

    def key(self, at: int, parcel: Parcel) -> str:
        return parcel.name

    def post(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        if len({p.mask for p in parcels}) > 1:
            raise ContractBroken("a call mixes masks")
        reply = self._client.update_contacts([p.body for p in parcels], parcels[0].mask, self._custom)
        answers = obj(reply.get("updateResult"))
        return [_outcome_in(answers.get(p.name), self._custom) for p in parcels]


# ---------------------------------------------------------------------------------------------- groups


class Moving:
    """Contacts into and out of one group."""

    def __init__(self, client: PeopleClient, group: str) -> None:
        self._client, self._group = client, group

    @staticmethod
    def parcel(move: Enter | Leave) -> Parcel:
        return Parcel(resource_of(move.record), {"enter": isinstance(move, Enter)})

    def key(self, at: int, parcel: Parcel) -> str:
        return parcel.name

    def post(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        entering = [p.name for p in parcels if p.body["enter"]]
        leaving = [p.name for p in parcels if not p.body["enter"]]
        try:
            reply = self._client.modify_members(self._group, entering, leaving)
        except Denied as exc:
            raise _about_group(exc) from exc
        outcomes = _skipped(reply)
        if last := sorted(name for name, outcome in outcomes.items() if isinstance(outcome, Refused)):
            outcomes |= self._leave_last(last)
        return [outcomes.get(p.name, Done()) for p in parcels]

    def _leave_last(self, names: list[str]) -> dict[str, Outcome]:
        """A contact is never left without a group: into My Contacts first, then out of this one."""
        try:
            self._client.modify_members(MY_CONTACTS, names, [])
        except (Denied, Lost, SyncError):
            return dict.fromkeys(names, Unsent())
        try:
            reply = self._client.modify_members(self._group, [], names)
        except Lost as exc:
            return dict.fromkeys(names, Unknown(str(exc)))
        except (Denied, SyncError):
            return dict.fromkeys(names, Unsent())
        return dict.fromkeys(names, Done()) | _skipped(reply)


def _skipped(reply: Json) -> dict[str, Outcome]:
    """What a reply to a change of members says was not done; all else was."""
    last = dict.fromkeys(texts(reply.get("canNotRemoveLastContactGroupResourceNames")), Refused("last_group"))
    return {**last, **dict.fromkeys(texts(reply.get("notFoundResourceNames")), Missing())}


# ---------------------------------------------------------------------------------------------- replies


def _outcome_in(answer: object, custom: tuple[str, ...]) -> Outcome:
    """What one answer says, in the reply to a batch that went through."""
    if not isinstance(answer, dict):
        return _NOT_SHOWN
    status = obj(answer.get("status"))
    if status.get("code"):
        return outcome_of(item_denial(status))
    record = to_record(obj(answer.get("person")), custom)
    return Done(record) if record else _NOT_SHOWN
