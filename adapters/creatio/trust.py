"""Whether what is missing is really gone: a lost right and a deletion look alike on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from adapters.creatio.client import Client
from adapters.creatio.odata import Answer, by_ids, fault, link
from adapters.creatio.parts import Entity
from syncd.core.contact import RecordId, ScopeId
from syncd.core.errors import Incomplete, MissingRight

TAGS_PROBED: Final = 5


class Trust:
    """Probes in the session that saw something missing."""

    def __init__(self, client: Client, tag_set: str) -> None:
        self._client, self._tag_set = client, tag_set

    def present(self, ids: Sequence[RecordId]) -> set[RecordId]:
        """Which of these contacts a list still shows."""
        queries = list(by_ids("Contact", ("Id",), "Id", ids))
        answers = self._client.read(queries)
        return {RecordId(link(row["Id"])) for q, a in zip(queries, answers, strict=True) for row in a.rows(q)[0]}

    def gone(self, ids: Sequence[RecordId], sentinel: str, scopes: Sequence[ScopeId]) -> tuple[RecordId, ...]:
        """Those of `ids` that no longer exist. Each was missing from a list already.

        Every one must be answered 404 by its own id, while in the same session the `sentinel` contact (the login's own,
        else any that is shown), and one of the tags where there are any, can be read. Otherwise nothing may be
        concluded: `MissingRight` or `Incomplete`.
        """
        shown = self.present(ids) if ids else set()
        left = [one for one in ids if one not in shown]
        if not left:
            return ()
        witness = Entity("Contact", sentinel or next(iter(shown), ""))
        if not witness.key:
            raise Incomplete("contacts are missing, and there is no contact to prove that contacts can be read")
        tags = [Entity(self._tag_set, scope) for scope in scopes[:TAGS_PROBED]]
        before, *answers = self._client.read([witness, *(Entity("Contact", one) for one in left), *tags, witness])
        _require_sight(before, answers.pop(), answers[len(left) :])
        for answer in answers[: len(left)]:
            if answer.ok:
                raise Incomplete("the CRM shows a contact by its id and not in a list")
            if answer.status != 404:
                raise fault(answer, "Contact")
        return tuple(left)


def _require_sight(before: Answer, after: Answer, tags: Sequence[Answer]) -> None:
    """The witness was shown before and after, and so was one of the tags."""
    for answer in (before, after):
        if answer.status == 404:
            raise MissingRight(
                "contacts are missing, and the CRM does not show the login's own contact either",
                "Give the login “View any data”, or the right to read contacts.",
            )
        if not answer.ok:
            raise fault(answer, "Contact")
    if tags and not any(answer.ok for answer in tags):
        raise MissingRight(
            "contacts are missing, and the CRM shows none of the tags either",
            "Give the login “View any data”: private tags of others are hidden without it.",
        )
