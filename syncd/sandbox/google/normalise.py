"""What Google makes of the items it is sent: stripped, completed, and with the leaves it computes itself.

Items are kept here without `metadata` (only `sourcePrimary` survives in it); `render.py` adds that on each read.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import phonenumbers

from syncd.sandbox.google.problems import Json, internal, invalid
from syncd.sandbox.google.schema import MESSAGES, SINGLETONS
from syncd.sandbox.google.switches import Switches

Items = list[Json]

_VERBATIM = frozenset({"clientData"})  # other programs' bytes are not ours to tidy
_LABELS_ONLY = frozenset({"type", "metadata", "contentType", "current"})
_TYPED = frozenset(
    field
    for field, leaf in MESSAGES["Person"].items()
    if leaf.kind in MESSAGES and "formattedType" in MESSAGES[leaf.kind]
)
_TYPES = (
    "home work other mobile homeFax workFax otherFax pager workMobile workPager main googleVoice school blog profile"
    " homePage ftp reservations appInstallPage anniversary account customer loginId network organization spouse child"
    " mother father parent brother sister friend relative domesticPartner manager assistant referredBy partner"
    " freeBusy HOME WORK OTHER"
)
_KNOWN_TYPES = frozenset(_TYPES.split())
_PROTOCOLS = {
    "aim": "AIM",
    "msn": "MSN",
    "yahoo": "Yahoo",
    "skype": "Skype",
    "qq": "QQ",
    "googleTalk": "Google Talk",
    "icq": "ICQ",
    "jabber": "Jabber",
    "netMeeting": "NetMeeting",
}
_COUNTRIES = {
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "CA": "Canada",
    "CH": "Switzerland",
    "DE": "Germany",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "IT": "Italy",
    "NL": "Netherlands",
    "PL": "Poland",
    "UA": "Ukraine",
    "US": "United States",
}
_COUNTRY_CODES = {name: code for code, name in _COUNTRIES.items()}


def normalise(field: str, sent: Items, region: str, switches: Switches) -> Items:
    """The items of one field as Google keeps them. Raises what Google answers to items it does not take."""
    own = [item for item in sent if not (switches.profile_items_ignored and _from_profile(item))]
    if field in SINGLETONS and len(own) > 1:
        raise invalid(f"Cannot have more than one person.{field} per source.")
    own = [item for item in own if not _from_profile(item)]
    if sum(1 for item in own if item.get("metadata", {}).get("sourcePrimary")) > 1:
        raise invalid()
    kept = [_completed(field, item, region, switches) for item in own]
    if switches.strip_values:
        kept = [item for item in kept if item.keys() - _LABELS_ONLY - {"formattedType"}]
    return _unique(kept) if switches.dedupe_values else kept


def _from_profile(item: Json) -> bool:
    return bool(item.get("metadata", {}).get("source", {}).get("type") in ("PROFILE", "DOMAIN_PROFILE", "ACCOUNT"))


def _unique(items: Items) -> Items:
    seen: list[Json] = []
    for item in items:
        bare = {k: v for k, v in item.items() if k != "metadata"}
        if bare not in [{k: v for k, v in other.items() if k != "metadata"} for other in seen]:
            seen.append(item)
    return seen


def _completed(field: str, item: Json, region: str, switches: Switches) -> Json:
    strip = switches.strip_values and field not in _VERBATIM
    kept = {k: _tidy(v, strip=strip) for k, v in item.items() if k != "metadata"}
    kept = {k: v for k, v in kept.items() if v not in ("", 0, False, None)}  # proto3 leaves defaults out
    if item.get("metadata", {}).get("sourcePrimary"):
        kept["metadata"] = {"sourcePrimary": True}
    check = _CHECKS.get(field)
    if check is not None:
        check(kept, switches)
    complete = _COMPLETIONS.get(field)
    if complete is not None:
        complete(kept, region, switches)
    if field in _TYPED and "type" in kept:
        kept["formattedType"] = _spelled_out(kept["type"])
    return kept


def _tidy(value: Any, *, strip: bool) -> Any:
    if isinstance(value, str) and strip:
        return value.strip()
    if isinstance(value, dict):  # a date: year 0 means no year
        return {k: v for k, v in value.items() if v}
    return value


@lru_cache(maxsize=1024)
def _spelled_out(kind: str) -> str:
    """`workFax` becomes "Work Fax"; a custom type is echoed."""
    if kind not in _KNOWN_TYPES:
        return kind
    if kind == "ftp":
        return "FTP"
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind)
    return words[:1].upper() + words[1:] if not kind.isupper() else kind.capitalize()


# Checks: what Google refuses.


def _check_date(item: Json, key: str = "date") -> None:
    date = item.get(key)
    if date is None:
        return
    year, month, day = date.get("year", 0), date.get("month", 0), date.get("day", 0)
    if not (0 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year or 2000, month)[1]):
        raise invalid()


def _check_birthday(item: Json, _: Switches) -> None:
    if "date" not in item and "text" not in item:
        raise invalid()
    _check_date(item)


def _check_event(item: Json, _: Switches) -> None:
    _check_date(item)


def _check_organization(item: Json, switches: Switches) -> None:
    if switches.org_dates_500 and ("startDate" in item or "endDate" in item):
        raise internal()
    _check_date(item, "startDate")
    _check_date(item, "endDate")


_CHECKS: dict[str, Callable[[Json, Switches], None]] = {
    "birthdays": _check_birthday,
    "events": _check_event,
    "organizations": _check_organization,
}


# Completions: what Google adds.


def _complete_name(item: Json, _: str, switches: Switches) -> None:
    parts = ("givenName", "middleName", "familyName", "honorificPrefix", "honorificSuffix")
    if switches.split_unstructured and "unstructuredName" in item and not any(p in item for p in parts):
        item.update(_split_name(item["unstructuredName"]))
    given, middle, family, prefix, suffix = (item.get(p, "") for p in parts)
    shown = " ".join(filter(None, (prefix, given, middle, family, suffix)))
    first = " ".join(filter(None, (prefix, given, middle)))
    last_first = ", ".join(filter(None, (family, first, suffix)))
    shown = shown or item.get("unstructuredName", "")
    if shown:
        item["displayName"] = shown
        item["displayNameLastFirst"] = last_first or shown
        item["unstructuredName"] = shown


def _split_name(text: str) -> Json:
    words = text.split()
    if len(words) < 2:
        return {"givenName": text} if text else {}
    split = {"givenName": words[0], "familyName": words[-1]}
    return {**split, "middleName": " ".join(words[1:-1])} if len(words) > 2 else split


def _complete_phone(item: Json, region: str, _: Switches) -> None:
    canonical = canonical_form(item.get("value", ""), region)
    if canonical:
        item["canonicalForm"] = canonical


@lru_cache(maxsize=65536)
def canonical_form(value: str, region: str) -> str | None:
    """The number in E.164, or None when it cannot be dialled from that region."""
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _complete_address(item: Json, _: str, switches: Switches) -> None:
    if switches.fill_country:
        _fill_country(item)
    if "formattedValue" in item:
        return
    town = " ".join(filter(None, (item.get("region"), item.get("postalCode"))))
    lines = [item.get(k) for k in ("poBox", "streetAddress", "extendedAddress")]
    lines += [", ".join(filter(None, (item.get("city"), town))), item.get("country") or item.get("countryCode")]
    text = "\n".join(filter(None, lines))
    if text:
        item["formattedValue"] = text


def _fill_country(item: Json) -> None:
    country, code = item.get("country"), item.get("countryCode")
    if country and not code and country in _COUNTRY_CODES:
        item["countryCode"] = _COUNTRY_CODES[country]
    if code and not country and code in _COUNTRIES:
        item["country"] = _COUNTRIES[code]


def _complete_biography(item: Json, _: str, __: Switches) -> None:
    if item.get("contentType", "CONTENT_TYPE_UNSPECIFIED") == "CONTENT_TYPE_UNSPECIFIED":
        item["contentType"] = "TEXT_PLAIN"


def _complete_nickname(item: Json, _: str, __: Switches) -> None:
    if item.get("type") == "DEFAULT":
        del item["type"]


def _complete_gender(item: Json, _: str, __: Switches) -> None:
    if "value" in item:
        known = item["value"] in ("male", "female", "unspecified")
        item["formattedValue"] = item["value"].capitalize() if known else item["value"]


def _complete_chat(item: Json, _: str, __: Switches) -> None:
    if "protocol" in item:
        item["formattedProtocol"] = _PROTOCOLS.get(item["protocol"], item["protocol"])


_COMPLETIONS: dict[str, Callable[[Json, str, Switches], None]] = {
    "names": _complete_name,
    "phoneNumbers": _complete_phone,
    "addresses": _complete_address,
    "biographies": _complete_biography,
    "nicknames": _complete_nickname,
    "genders": _complete_gender,
    "imClients": _complete_chat,
}
