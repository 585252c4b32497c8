"""Who is whose partner. Keys find candidates and over-approximate; `judge` decides with the account's lens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from syncd.core.anchor import parse_anchor
from syncd.core.contact import Field, Record, RecordId, Side, Unit
from syncd.core.fields import canon, is_blank
from syncd.core.folding import folded, words
from syncd.core.phones import is_international, tail
from syncd.core.policy import Lens
from syncd.core.ports import KeyKind, KeyRow
from syncd.core.step import Hold, HoldReason

NO_FORMER: Mapping[RecordId, frozenset[RecordId]] = {}


# --------------------------------------------------------------------------------------------- keys


def email_key(text: str) -> str:
    """The address without case; "" for what is none."""
    folded_text = "".join(text.split()).casefold()
    return folded_text if "@" in folded_text[1:] else ""


def phone_key(text: str) -> str:
    """The last eight digits, whatever the region; "" for fewer than six."""
    return tail(text)


def name_key(given: str, middle: str, family: str) -> str:
    """The words of a name without case, accents, punctuation and order."""
    return " ".join(sorted(words(f"{given} {middle} {family}")))


def keys(record: Record) -> tuple[tuple[KeyKind, str], ...]:
    """Everything a partner of this record may be found under, sorted.

    An anchored Google contact has its anchor and the CRM id in it as keys, a CRM contact its own id.
    """
    found = {(kind, text) for unit in record.units if (kind := _KINDS.get(unit.field)) and (text := _key(unit))}
    return tuple(sorted(found.union((KeyKind.ANCHOR, text) for text in _anchor_keys(record))))


def key_rows(record: Record) -> tuple[KeyRow, ...]:
    """The keys as the store keeps them, by native row ("" for the contact itself); a row without keys says so.

    A Google contact has its own id as a FORMER key: under it a CRM contact that Creatio's old sync knew is found.
    """
    found: dict[tuple[str, KeyKind, str], None] = {}
    rows = {unit.native for unit in record.units if unit.field in _KINDS}
    if Field.NAME.value in record.mask:
        rows.add("")
    for unit in record.units:
        if (kind := _KINDS.get(unit.field)) and (text := _key(unit)):
            found[unit.native, kind, text] = None
    if record.scopes is not None:
        found.update(dict.fromkeys(("", KeyKind.ANCHOR, text) for text in _anchor_keys(record)))
        found["", KeyKind.FORMER, record.id] = None
    bare = rows - {row for row, _, _ in found}
    empty = [KeyRow(record.id, row, KeyKind.NAME if row == "" else KeyKind.EMAIL, "") for row in sorted(bare)]
    return (*empty, *(KeyRow(record.id, row, kind, text) for row, kind, text in sorted(found)))


def strong_keys(record: Record, lens: Lens) -> tuple[str, ...]:
    """What only one contact should have: its e-mails; else phone and name; else full name and company."""
    emails = sorted({f"email:{key}" for key in _emails(record)})
    if emails:
        return tuple(emails)
    name = name_key(*_name_parts(name_of(record)))
    phones = sorted({f"phone:{number}|{name}" for number in _phones(record, lens)})
    if phones:
        return tuple(phones)
    company = _company(record)
    return (f"name:{name}|{company}",) if name and company else ()


# --------------------------------------------------------------------------------------------- judging


def judge(
    newcomer: Record,
    side: Side,
    candidates: Sequence[Record],
    lens: Lens,
    *,
    crm_tenant: str = "",
    former: Mapping[RecordId, frozenset[RecordId]] = NO_FORMER,
) -> RecordId | Hold | None:
    """The partner of a newcomer on `side` among records of the other: its id, a reason to ask a person, or nobody.

    `crm_tenant` is the tenant hash that anchors of this CRM bear; `former` maps a CRM id to the Google ids under which
    Creatio's own synchronisation knew it. The strongest evidence that finds anybody decides.
    """
    if not candidates:
        return None
    others = sorted({c.id: c for c in candidates}.values(), key=lambda c: c.id)
    anchored = [c for c in others if _is_anchored(newcomer, c, side, crm_tenant)]
    if anchored:
        return _only(anchored, HoldReason.ANCHOR_CLASH)
    known = [c for c in others if _is_former(newcomer, c, side, former)]
    if known:
        return _only(known, HoldReason.SEVERAL_CANDIDATES)
    return (
        _by_email(newcomer, others) or _by(newcomer, others, _same_phone(newcomer, lens)) or _by_name(newcomer, others)
    )


def compatible(a: Unit | None, b: Unit | None) -> bool:
    """Names that can be one person's: one is empty, or they are equal but for case, accents, order and initials.

    A middle name that only one of them has is an initial left out.
    """
    if a is None or b is None or is_blank(a) or is_blank(b):
        return True
    full = words(" ".join(a.value)), words(" ".join(b.value))
    if _fits(*full) or _joined(a) & _joined(b):
        return True
    short = words(" ".join(_outer(a))), words(" ".join(_outer(b)))
    one_lacks = bool(_middle(a)) is not bool(_middle(b))
    return one_lacks and _fits(short[0] if _middle(a) else full[0], short[1] if _middle(b) else full[1])


def name_of(record: Record) -> Unit | None:
    """The record's name, or None where it says none."""
    return next((u for u in record.units if u.field is Field.NAME and not is_blank(u)), None)


def _by_email(newcomer: Record, others: Sequence[Record]) -> RecordId | Hold | None:
    mine = set(_emails(newcomer))
    equal = [c for c in others if not mine.isdisjoint(_emails(c))] if mine else []
    named = [c for c in equal if compatible(name_of(newcomer), name_of(c))]
    if equal and not named:
        return Hold(HoldReason.SAME_EMAIL_OTHER_NAME, tuple(c.id for c in equal))
    return _only(named, HoldReason.SEVERAL_CANDIDATES)


def _by(newcomer: Record, others: Sequence[Record], fits: Callable[[Record], bool]) -> RecordId | Hold | None:
    found = [c for c in others if fits(c) and compatible(name_of(newcomer), name_of(c))]
    return _only(found, HoldReason.SEVERAL_CANDIDATES)


def _same_phone(newcomer: Record, lens: Lens) -> Callable[[Record], bool]:
    mine = _phones(newcomer, lens)
    return lambda other: bool(mine) and not mine.isdisjoint(_phones(other, lens))


def _by_name(newcomer: Record, others: Sequence[Record]) -> RecordId | Hold | None:
    """Full name and company, both there and both equal: less proves nothing about two people of one name."""
    name, company = name_key(*_name_parts(name_of(newcomer))), _company(newcomer)
    if not name or not company:
        return None
    found = [c for c in others if name_key(*_name_parts(name_of(c))) == name and _company(c) == company]
    return _only(found, HoldReason.SEVERAL_CANDIDATES)


def _only(found: Sequence[Record], reason: HoldReason) -> RecordId | Hold | None:
    if len(found) > 1:
        return Hold(reason, tuple(c.id for c in found))
    return found[0].id if found else None


def _is_anchored(newcomer: Record, other: Record, side: Side, tenant: str) -> bool:
    google, crm = (newcomer, other) if side is Side.GOOGLE else (other, newcomer)
    anchors = (parse_anchor(text) for text in google.anchors)
    return bool(tenant) and any(a is not None and a.tenant == tenant and a.crm_id == crm.id for a in anchors)


def _is_former(newcomer: Record, other: Record, side: Side, former: Mapping[RecordId, frozenset[RecordId]]) -> bool:
    google, crm = (newcomer, other) if side is Side.GOOGLE else (other, newcomer)
    return google.id in former.get(crm.id, ())


# --------------------------------------------------------------------------------------------- parts


_KINDS = {Field.EMAIL: KeyKind.EMAIL, Field.PHONE: KeyKind.PHONE, Field.NAME: KeyKind.NAME}


def _key(unit: Unit) -> str:
    if unit.field is Field.NAME:
        return name_key(*_name_parts(unit))
    text = unit.value[0] if unit.value else ""
    return email_key(text) if unit.field is Field.EMAIL else phone_key(text)


def _anchor_keys(record: Record) -> Iterable[str]:
    if record.scopes is None:
        return (record.id,)
    anchors = ((text, parse_anchor(text)) for text in record.anchors)
    return [key for text, anchor in anchors for key in ((text, anchor.crm_id) if anchor else (text,))]


def _emails(record: Record) -> list[str]:
    return [key for u in record.units if u.field is Field.EMAIL and (key := _key(u))]


def _phones(record: Record, lens: Lens) -> set[str]:
    numbers = (canon(u, lens.region)[0] for u in record.units if u.field is Field.PHONE and not is_blank(u))
    return {number for number in numbers if is_international(number)}


def _company(record: Record) -> str:
    return next((folded(u.value[0]) for u in record.units if u.field is Field.JOB and u.value and u.value[0]), "")


def _name_parts(unit: Unit | None) -> tuple[str, str, str]:
    parts = unit.value if unit else ()
    given, middle, family = (*parts, "", "", "")[:3]
    return given, middle, family


def _middle(unit: Unit) -> str:
    return _name_parts(unit)[1].strip()


def _outer(unit: Unit) -> tuple[str, str]:
    given, _, family = _name_parts(unit)
    return given, family


def _joined(unit: Unit) -> set[str]:
    """The name without spaces, in both orders: how names are written in scripts that have none."""
    given, middle, family = ("".join(words(part)) for part in _name_parts(unit))
    return {given + middle + family, family + given + middle}


def _fits(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Equal words in any order, where a single letter stands for a word that begins with it."""
    if len(left) != len(right) or not left:
        return False
    mine, theirs = list(left), list(right)
    for word in left:
        if word in theirs:
            mine.remove(word)
            theirs.remove(word)
    return _initials_fit(mine, theirs)


def _initials_fit(mine: list[str], theirs: list[str]) -> bool:
    if not mine:
        return True
    first, rest = mine[0], mine[1:]
    return any(
        _stands_for(first, other) and _initials_fit(rest, theirs[:i] + theirs[i + 1 :])
        for i, other in enumerate(theirs)
    )


def _stands_for(a: str, b: str) -> bool:
    """One is the other's first letter, in a script that has initials (that is, capitals)."""
    short, long = sorted((a, b), key=len)
    return len(short) == 1 and short.upper() != short and long.startswith(short)
