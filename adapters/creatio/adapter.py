"""Creatio as a `Remote`: what the engine calls, put together from the modules beside it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.creatio import cursor as cursors
from adapters.creatio.bodies import Bodies
from adapters.creatio.client import Client
from adapters.creatio.lookups import Lookups
from adapters.creatio.mapping import Lens
from adapters.creatio.odata import Query, link, string
from adapters.creatio.reading import CreatioReading, DeltaReading, FullReading, Kit
from adapters.creatio.sending import Sender
from adapters.creatio.session import session_for
from adapters.creatio.settings import CreatioSettings
from adapters.creatio.slots import CAPABILITIES
from adapters.creatio.tagging import CLASSIC, UNIVERSAL, Tags
from adapters.creatio.trust import Trust
from adapters.http import Transport
from syncd.core.contact import Capabilities, Record, RecordId, ScopeId, Side
from syncd.core.errors import NeedsHuman
from syncd.core.ports import Identity, Interest, Outcome, Reading, ScopeInfo, ScopeWish, Write

USER_INFO = "ServiceModel/UserInfoService.svc/GetCurrentUserInfo"


class Creatio:
    """One CRM login behind `syncd.core.ports.Remote`. Requests go one after the other, as the server has it anyway."""

    side = Side.CRM

    def __init__(
        self,
        settings: CreatioSettings,
        transport: Transport,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.capabilities: Capabilities = CAPABILITIES
        self._settings = settings
        self._client = Client(settings, transport, session_for(settings, transport, monotonic), sleep=sleep, rng=rng)
        tags = Tags(self._client, UNIVERSAL if settings.tags == "universal" else CLASSIC)
        lookups = Lookups(self._client)
        bodies = Bodies(self._client, lookups, tags, self._lens(()))
        self._kit = Kit(self._client, lookups, tags, bodies, Trust(self._client, tags.scheme.tags))
        self._sender = Sender(self._kit, settings, monotonic)

    @property
    def requests(self) -> int:
        return self._client.requests

    @requests.setter
    def requests(self, value: int) -> None:
        self._client.requests = value

    def close(self) -> None:
        """Sign out, best effort: sessions count against licences."""
        self._client.close()

    # who and where

    def identity(self) -> Identity:
        """The login's own user. `id` is its contact id, "" where the CRM does not tell."""
        answer = self._client.ask_service(USER_INFO)
        if answer.ok and isinstance(answer.body, dict) and answer.body.get("contactId"):
            told = answer.body
            self._kit.me = link(told["contactId"])
            name = str(told.get("contactName") or told.get("userName") or "")
            return Identity(self._settings.root, self._kit.me, name)
        return self._identity_by_name()

    def _identity_by_name(self) -> Identity:
        name = self._settings.username
        query = Query("SysAdminUnit", ("Id", "Name", "ContactId"), f"Name eq {string(name)}", "Id", 10)
        answer = self._client.read([query])[0] if name else None
        rows = answer.rows(query)[0] if answer is not None and answer.ok else []
        self._kit.me = link(rows[0].get("ContactId")) if len(rows) == 1 else ""
        return Identity(self._settings.root, self._kit.me, name)

    def _me(self) -> str:
        return self._kit.me or self.identity().id

    def resolve(self, wish: ScopeWish, *, make: bool = True) -> ScopeId:
        """The private tag of that name and owner; made when it is missing and the login owns it, else `TagMissing`."""
        me = self._me()
        if not me and not wish.owner:
            raise NeedsHuman("the CRM does not tell who the login is", "Name the tag's owner in the configuration.")
        return self._kit.tags.resolve(wish, me, make=make)

    def scope(self, scope: ScopeId) -> ScopeInfo | None:
        """The tag by id; None when it is gone, or not shown to this login."""
        return self._kit.tags.scope(scope)

    # reading

    def read(self, cursor: Mapping[str, Any] | None, interest: Interest) -> Reading:
        """Everything (cursor None) or what changed since. Nothing is requested before the reading is iterated."""
        self._kit.bodies.lens = self._lens(interest.custom)
        if cursor is None:
            return CreatioReading(FullReading(self._kit, interest, self._me).pages())
        return CreatioReading(DeltaReading(self._kit, interest, cursors.load(cursor)).pages())

    def fetch(self, ids: Sequence[RecordId]) -> dict[RecordId, Record | None]:
        """Point reads. None only once the contact's own address said 404 while other contacts could be read."""
        found: dict[RecordId, Record | None] = {}
        absent: list[RecordId] = []
        for portion in self._kit.bodies.read(list(dict.fromkeys(ids))):
            found |= {record.id: record for record in portion.records}
            absent += portion.absent
        if absent:
            self._me()
        gone = self._kit.trust.gone(absent, self._kit.me, ())
        found |= dict.fromkeys(gone)
        late = [one for one in absent if one not in gone]  # appeared between the two looks
        for portion in self._kit.bodies.read(late):
            found |= {record.id: record for record in portion.records}
        return found

    def _lens(self, custom: Sequence[str]) -> Lens:
        column = self._settings.company_column if self._settings.company == "text" else ""
        return Lens(tuple(sorted(set(custom))), column)

    # writing

    def split(self, writes: Sequence[Write]) -> list[tuple[Write, ...]]:
        """The writes as batches: one kind each, as many parts as the server takes in half a minute."""
        return self._sender.split(writes)

    def send(self, call: tuple[Write, ...]) -> tuple[Outcome, ...]:
        """One `$batch`, each contact in a group that holds or fails whole. Raises only when nothing was applied.

        Details of the same contact are never written around: the server has no versions to compare, so the caller reads
        just before. Row ids come from the intent, so a call that is sent again repeats nothing.
        """
        self._me()
        return self._sender.send(call)
