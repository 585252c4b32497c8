"""Values to text and back: JSON by msgspec, written one way only, so that equal values are equal texts."""

from __future__ import annotations

from typing import Any

import msgspec

from syncd.core.contact import Base, Record, Unit
from syncd.core.ports import CallItem, Create, Enter, Leave, Update, Write
from syncd.core.step import Hold, Planned, Step

_encoder = msgspec.json.Encoder(order="deterministic")

_records = msgspec.json.Decoder(Record)
_bases = msgspec.json.Decoder(Base)
_units = msgspec.json.Decoder(Unit)
_holds = msgspec.json.Decoder(Hold)
_planned = msgspec.json.Decoder(Planned)
_words = msgspec.json.Decoder(tuple[str, ...])
_keys = msgspec.json.Decoder(list[tuple[str, str]])
_objects = msgspec.json.Decoder(dict[str, Any])
_counts = msgspec.json.Decoder(dict[str, int])

_WRITES: dict[str, type[Write]] = {"create": Create, "update": Update, "enter": Enter, "leave": Leave}
_NAMES = {kind: name for name, kind in _WRITES.items()}


class _StoredItem(msgspec.Struct, frozen=True):
    """`CallItem` with the kind of its write spelt out."""

    kind: str
    write: msgspec.Raw
    step: Step


_items = msgspec.json.Decoder(_StoredItem)


def step_text(value: Any) -> str:
    """The JSON of a planned step; its mappings by pair index rule out a fixed order."""
    return msgspec.json.encode(value).decode()


def to_text(value: Any) -> str:
    """The JSON of a value; equal values give equal text, whatever order their mappings were filled in."""
    return _encoder.encode(value).decode()


def maybe_text(value: Any | None) -> str | None:
    """None stays None: a column that is NULL."""
    return None if value is None else to_text(value)


def to_record(text: str) -> Record:
    """A mirror body."""
    return _records.decode(text)


def to_base(text: str | None) -> Base | None:
    """A base; NULL means that it equals the mirror."""
    return None if text is None else _bases.decode(text)


def to_unit(text: str | None) -> Unit | None:
    """One side of a history row."""
    return None if text is None else _units.decode(text)


def to_hold(text: str | None) -> Hold | None:
    """Why a link waits, if it does."""
    return None if text is None else _holds.decode(text)


def to_known_hold(text: str) -> Hold:
    """Why somebody waits who is known to wait."""
    return _holds.decode(text)


def to_planned(text: str) -> Planned:
    """A step of a kept plan, with its case."""
    return _planned.decode(text)


def to_words(text: str) -> tuple[str, ...]:
    """Native row ids, or reasons."""
    return _words.decode(text)


def to_keys(text: str) -> list[tuple[str, bytes]]:
    """Kinds and hashes, from hexadecimal."""
    return [(kind, bytes.fromhex(key)) for kind, key in _keys.decode(text)]


def to_object(text: str) -> dict[str, Any]:
    """A JSON object whose shape is its owner's business."""
    return _objects.decode(text)


def to_counts(text: str) -> dict[str, int]:
    """A tally."""
    return _counts.decode(text)


def kind_of(write: Write) -> str:
    """`create`, `update`, `enter` or `leave`."""
    return _NAMES[type(write)]


def item_text(item: CallItem) -> str:
    """An item without its link, which has a column of its own."""
    return to_text(_StoredItem(kind_of(item.write), msgspec.Raw(_encoder.encode(item.write)), item.step))


def to_item(text: str, link: int) -> CallItem:
    """An item of a call, with the link its column names."""
    stored = _items.decode(text)
    return CallItem(stored.step, msgspec.json.decode(stored.write, type=_WRITES[stored.kind]), link)
