"""Phone numbers as they are compared. The number as typed is what is stored and sent."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

_EXTENSION = re.compile(r"(?:[,;]\s*)?(?:ext(?:ension|n)?|доб|вн|x|#)[\s.:=]*\d.*$", re.IGNORECASE)
_NO_DIGITS = re.compile("[^0-9]+")
_KEY_DIGITS = 8
_SHORTEST_KEY = 6


@lru_cache(maxsize=8_192)
def e164(text: str, region: str) -> str:
    """`+37167111222`, with `;ext=5` where there is one; for what is no number there, its letters and digits."""
    try:
        number = phonenumbers.parse(text, region.upper() or None)
    except phonenumbers.NumberParseException:
        return _plain(text)
    if not phonenumbers.is_possible_number(number):
        return _plain(text)
    extension = f";ext={number.extension}" if number.extension else ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + extension


def is_international(number: str) -> bool:
    """True for what `e164` understood: only such numbers prove anything about who is called."""
    return number.startswith("+")


@lru_cache(maxsize=8_192)
def tail(text: str) -> str:
    """The last eight digits, the same in every spelling and region; "" for what is too short to tell people apart."""
    found = digits(_EXTENSION.sub("", text))
    return found[-_KEY_DIGITS:] if len(found) >= _SHORTEST_KEY else ""


def digits(text: str) -> str:
    """The decimal digits of any script, as ASCII."""
    if text.isascii():
        return _NO_DIGITS.sub("", text)
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


def _plain(text: str) -> str:
    folded = "".join(c for c in text.casefold() if c.isalnum() or c == "*")
    return folded or text.strip()
