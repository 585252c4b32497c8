"""Rules between keys. They look at the file as it was written, so that they speak even when single values are wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from syncd.config.model import DEFAULT_GROUP
from syncd.config.problems import did_you_mean, dotted, one_of
from syncd.core.errors import Problem

NAME = re.compile(r"\w[\w.@+ -]{0,63}")
SIGN_IN_KEYS = {"oauth": ("token_url", "client_id", "client_secret"), "forms": ("username", "password")}

Table = Mapping[str, Any]


def rule_problems(raw: Table) -> Iterator[Problem]:
    """Every broken rule of the file."""
    crms, accounts = named_tables(raw, "crm"), named_tables(raw, "account")
    if not crms and "crm" not in raw:
        yield Problem(
            "crm", "is required: there is no CRM to work with", "add a section [crm.NAME], or run `syncd init`"
        )
    for name, crm in crms.items():
        yield from _name_problems("crm", name)
        yield from _sign_in_problems(name, crm)
    for name, account in accounts.items():
        yield from _name_problems("account", name)
        yield from _crm_problems(name, account, tuple(crms))
        yield from _scope_problems(name, account)
        yield from _company_problems(name, account)
        yield from _map_problems(name, account)
    yield from _shared_group_problems(accounts)


def named_tables(raw: Table, section: str) -> dict[str, Table]:
    """The tables of a section by name; what is not a table is somebody else's complaint."""
    tables = raw.get(section)
    return {k: v for k, v in tables.items() if isinstance(v, Mapping)} if isinstance(tables, Mapping) else {}


def unused_sign_in(raw: Table) -> Iterator[Problem]:
    """Warnings: keys of the way to sign in that is not used."""
    for name, crm in named_tables(raw, "crm").items():
        auth = crm.get("auth", "oauth")
        for other, keys in SIGN_IN_KEYS.items():
            for key in keys:
                if other != auth and auth in SIGN_IN_KEYS and key in crm:
                    yield Problem(dotted(("crm", name, key)), f'is not used with auth = "{auth}"', "remove it")


def _name_problems(section: str, name: str) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        yield Problem(dotted((section, name)), "is not a name", "letters, digits and . _ - @ +, at most 64")


def _sign_in_problems(name: str, crm: Table) -> Iterator[Problem]:
    auth = crm.get("auth", "oauth")
    for key in SIGN_IN_KEYS.get(auth, ()) if isinstance(auth, str) else ():
        if key not in crm:
            hint = _likely_token_url(crm.get("url")) if key == "token_url" else ""
            yield Problem(dotted(("crm", name, key)), f'is required with auth = "{auth}"', hint)


def _likely_token_url(url: object) -> str:
    """Creatio's cloud keeps the identity service of `acme` at `acme-is`."""
    try:
        host = urlsplit(str(url)).hostname or ""
    except ValueError:
        return ""
    name, dot, domain = host.partition(".")
    return f"perhaps https://{name}-is.{domain}/connect/token" if dot and domain == "creatio.com" else ""


def _crm_problems(name: str, account: Table, crms: tuple[str, ...]) -> Iterator[Problem]:
    crm = account.get("crm")
    if isinstance(crm, str) and crm not in crms:
        known = f"there is {one_of(crms)}" if crms else f"add [crm.{crm}]"
        yield Problem(dotted(("account", name, "crm")), f"there is no [crm.{crm}]", did_you_mean(crm, crms) or known)


def _scope_problems(name: str, account: Table) -> Iterator[Problem]:
    pairs = account.get("pairs")
    if pairs is None and "tag" not in account:
        yield Problem(dotted(("account", name, "tag")), "is required", 'the CRM tag to keep in step: tag = "Google"')
    if pairs is not None:
        for key in ("tag", "group"):
            if key in account:
                yield Problem(dotted(("account", name, key)), "cannot stand beside pairs", "move it into pairs")
        for key in ("tag", "group"):
            yield from _repeated(name, "pairs", pairs, key)


def _repeated(name: str, list_key: str, rows: object, key: str) -> Iterator[Problem]:
    """The same tag, group or field in two rows of a list."""
    seen: dict[str, int] = {}
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        value = row.get(key, DEFAULT_GROUP if key == "group" else None) if isinstance(row, Mapping) else None
        if not isinstance(value, str):
            continue
        first = seen.setdefault(value.strip().casefold(), index)
        if first != index:
            where = dotted(("account", name, list_key, index, key))
            yield Problem(where, f'"{value}" already stands in {list_key}[{first}]')


def _company_problems(name: str, account: Table) -> Iterator[Problem]:
    text, column = account.get("company") == "text", "company_column" in account
    if text and not column:
        yield Problem(dotted(("account", name, "company_column")), 'is required with company = "text"')
    if column and not text:
        yield Problem(dotted(("account", name, "company_column")), 'is only used with company = "text"')


def _map_problems(name: str, account: Table) -> Iterator[Problem]:
    for key in ("crm", "google"):
        yield from _repeated(name, "map", account.get("map"), key)


def _shared_group_problems(accounts: Mapping[str, Table]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, account in accounts.items():
        google = account.get("google")
        for group in _groups(account) if isinstance(google, str) else ():
            other = seen.setdefault((str(google).strip().casefold(), group.strip().casefold()), name)
            if other != name:
                yield Problem(
                    dotted(("account", name, "group")),
                    f'[account.{other}] already keeps the group "{group}" of {google}',
                    "give each account a group of its own",
                )


def _groups(account: Table) -> list[str]:
    pairs = account.get("pairs")
    rows = pairs if isinstance(pairs, list) else [account]
    groups = (row.get("group", DEFAULT_GROUP) for row in rows if isinstance(row, Mapping))
    return [group for group in groups if isinstance(group, str)]
