"""Connections to the CRMs, made once and shared: one transport per server, one remote per way it is to be written."""

from __future__ import annotations

import threading

from adapters.creatio import Creatio, CreatioSettings
from adapters.http import HttpTransport
from syncd.config import Account, Config, Crm
from syncd.core.contact import Side, SourceId
from syncd.core.policy import CompanyRule
from syncd.engine.run import Source

Key = tuple[str, CompanyRule, str, str]
"""The CRM's name, and what makes one way of writing it differ from another: company, its column, the owner."""


class Crms:
    """The CRM sources of a configuration. All accounts of one CRM share its turn and its transport."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._turns: dict[SourceId, threading.RLock] = {}
        self._transports: dict[str, HttpTransport] = {}
        self._remotes: dict[Key, Creatio] = {}

    def source(self, account: Account) -> Source:
        """The CRM as this account writes it."""
        key = (account.crm, account.company, account.company_column or "", account.owner or "")
        return self._source(key)

    def reader(self, name: str) -> Source:
        """The CRM as it is read for all its accounts, with the column in which one of them keeps companies as text."""
        mine = (a for a in self._config.accounts.values() if a.crm == name and a.company is CompanyRule.TEXT)
        column = next((a.company_column for a in mine if a.company_column), "")
        return self._source((name, CompanyRule.TEXT if column else CompanyRule.LINK, column, ""))

    def _source(self, key: Key) -> Source:
        name = key[0]
        source = crm_source_id(name)
        with self._lock:
            if key not in self._remotes:
                transport = self._transports.setdefault(name, HttpTransport())
                self._remotes[key] = Creatio(creatio_settings(self._config.crms[name], *key[1:]), transport)
            lock = self._turns.setdefault(source, threading.RLock())
            return Source(source, self._remotes[key], lock)

    def close(self) -> None:
        """Sign out everywhere, as well as it goes."""
        for remote in self._remotes.values():
            remote.close()


def crm_source_id(name: str) -> SourceId:
    """The source that `[crm.<name>]` is."""
    return SourceId(f"{Side.CRM.value}:{name}")


def creatio_settings(crm: Crm, company: CompanyRule, company_column: str, owner: str) -> CreatioSettings:
    """The adapter's settings from the configuration's; secrets are read here, once."""
    return CreatioSettings(
        url=crm.url,
        runtime=crm.runtime.value,
        auth=crm.auth.value,
        username=crm.username or "",
        password=crm.password.reveal() if crm.password else "",
        client_id=crm.client_id or "",
        client_secret=crm.client_secret.reveal() if crm.client_secret else "",
        token_url=crm.token_url or "",
        tags=crm.tags.value,
        company=company.value,
        company_column=company_column,
        owner=owner,
    )
