"""Field masks and read sources: parsed, checked, and refused in Google's words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from syncd.sandbox.google.payload import snake
from syncd.sandbox.google.problems import bad_mask_path, invalid, mask_not_a_mask, mask_required
from syncd.sandbox.google.schema import READ_FIELDS

_MASK_TEXT = re.compile(r"[A-Za-z0-9_.,* ]*")
CONTACT = "READ_SOURCE_TYPE_CONTACT"
PROFILE = "READ_SOURCE_TYPE_PROFILE"
_UNSPECIFIED = "READ_SOURCE_TYPE_UNSPECIFIED"

Mask = frozenset[str]
EVERYTHING: Mask = frozenset(READ_FIELDS)


def parse_mask(text: str, parameter: str, allowed: Sequence[str] = READ_FIELDS) -> Mask:
    """The paths of a mask; empty for an empty text. Raises for a malformed mask and for an unknown path."""
    if not _MASK_TEXT.fullmatch(text):
        raise mask_not_a_mask(snake(parameter), text)
    paths = [p.strip() for p in text.split(",") if p.strip()]
    for path in paths:
        if path not in allowed:
            raise bad_mask_path(parameter, path)
    return frozenset(paths)


def required_mask(text: str, parameter: str, allowed: Sequence[str] = READ_FIELDS) -> Mask:
    mask = parse_mask(text, parameter, allowed)
    if not mask:
        raise mask_required(parameter)
    return mask


def included_fields(text: str) -> str:
    """The deprecated `requestMask.includeField` (`person.email_addresses`) as the mask it stands for."""
    paths = [p.strip().removeprefix("person.") for p in text.split(",") if p.strip()]
    return ",".join(re.sub(r"_([a-z])", lambda m: m.group(1).upper(), p) for p in paths)


def parse_sources(values: Sequence[str], default: Sequence[str] = (CONTACT, PROFILE)) -> frozenset[str]:
    """The sources asked for; none, or only UNSPECIFIED, means the default of the call."""
    asked = frozenset(values) - {_UNSPECIFIED}
    if asked - {CONTACT, PROFILE, "READ_SOURCE_TYPE_DOMAIN_CONTACT", "READ_SOURCE_TYPE_OTHER_CONTACT"}:
        raise invalid("Invalid value at 'sources'.")
    return asked or frozenset(default)
