"""The back door under `/_sandbox`: JSON over HTTP for what people and operators of the CRM do. No rights, no faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from syncd.sandbox.creatio.errors import Refused
from syncd.sandbox.creatio.friendly import add_contact, edit_contact
from syncd.sandbox.creatio.page import home_page
from syncd.sandbox.creatio.schema import SCHEMA
from syncd.sandbox.faults import Rule
from syncd.sandbox.wire import Reply, Request, json_reply

if TYPE_CHECKING:
    from syncd.sandbox.creatio.server import CreatioSandbox

PREFIX = "/_sandbox"
Body = dict[str, Any]
Act = Callable[[list[str], Body], Any]


class Admin:
    """Routes `METHOD /_sandbox/<noun>/…`. Answers JSON; 400 with `error` when the request makes no sense."""

    def __init__(self, sandbox: CreatioSandbox) -> None:
        self._crm = sandbox
        self._acts: dict[tuple[str, str], Act] = {
            **self._looking(),
            **self._people(),
            **self._rows(),
            **self._operating(),
        }

    def answer(self, request: Request) -> Reply:
        noun, *rest = request.path.removeprefix(PREFIX).strip("/").split("/")
        if noun == "" and request.method == "GET":
            with self._crm.lock:
                return home_page(self._crm)
        act = self._acts.get((request.method, noun))
        if act is None:
            return json_reply(404, {"error": f"no {request.method} {noun}"})
        try:
            body = json.loads(request.body) if request.body else {}
            return json_reply(200, act(rest, body))
        except Refused as refused:
            return json_reply(refused.status, {"error": refused.message})
        except (KeyError, ValueError, TypeError, IndexError) as error:
            return json_reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _looking(self) -> dict[tuple[str, str], Act]:
        crm = self._crm
        return {
            ("GET", "log"): lambda _r, _b: {
                "entries": [asdict(e) for e in list(crm.log)],
                "counters": dict(crm.counters),
            },
            ("GET", "dump"): lambda r, _b: crm.dump() if not r else crm.dump()[r[0]],
            ("GET", "profile"): lambda _r, _b: asdict(crm.profile),
            ("GET", "clock"): lambda _r, _b: {"now": crm.clock.now()},
            ("GET", "contacts"): lambda r, _b: crm.contact(r[0]) if r else crm.dump()["Contact"],
            ("GET", "users"): lambda _r, _b: [_shown(user) for user in crm.users.values()],
            ("GET", "sets"): lambda _r, _b: list(SCHEMA),
        }

    def _people(self) -> dict[tuple[str, str], Act]:
        crm = self._crm
        return {
            ("POST", "users"): lambda _r, b: _shown(crm.add_user(**b)),
            ("POST", "clients"): lambda _r, b: _done(crm.add_client, b["client_id"], b["client_secret"], b.get("user")),
            ("POST", "contacts"): lambda _r, b: {"id": add_contact(crm, b, b.pop("by", None))},
            ("PATCH", "contacts"): lambda r, b: _done(edit_contact, crm, r[0], b, b.pop("by", None)),
            ("DELETE", "contacts"): lambda r, b: _done(crm.delete, "Contact", r[0], b.get("by")),
            ("POST", "tags"): lambda _r, b: {"id": crm.add_tag(b["name"], b.get("owner"), b.get("type", "private"))},
            ("POST", "tag"): lambda _r, b: {"id": crm.tag(b["contact"], b["tag"], b.get("by"))},
            ("POST", "untag"): lambda _r, b: {"rows": crm.untag(b["contact"], b["tag"], b.get("by"))},
            ("POST", "merge"): lambda _r, b: _done(crm.merge, b["survivor"], b["loser"], b.get("by")),
        }

    def _rows(self) -> dict[tuple[str, str], Act]:
        crm = self._crm
        return {
            ("POST", "rows"): lambda r, b: {"id": crm.insert(r[0], b["row"], b.get("by"))},
            ("PATCH", "rows"): lambda r, b: _done(crm.patch, r[0], r[1], b["row"], b.get("by")),
            ("DELETE", "rows"): lambda r, b: _done(crm.delete, r[0], r[1], b.get("by")),
            ("PATCH", "sql"): lambda r, b: _done(crm.sql_update, r[0], r[1], b["row"]),
            ("POST", "load"): lambda r, b: {"ids": crm.load(r[0], b["rows"], b.get("by"))},
        }

    def _operating(self) -> dict[tuple[str, str], Act]:
        crm = self._crm
        return {
            ("POST", "clock"): lambda _r, b: _done(crm.clock.advance, float(b["seconds"])),
            ("POST", "profile"): lambda _r, b: _done(crm.profile.change, b),
            ("POST", "faults"): lambda _r, b: _done(crm.faults.add, Rule(**b)),
            ("GET", "faults"): lambda _r, _b: {"rules": [asdict(x) for x in crm.faults.rules], "hits": crm.faults.hits},
            ("DELETE", "faults"): lambda _r, _b: _done(crm.faults.clear),
            ("POST", "expire-sessions"): lambda _r, b: {"ended": crm.expire_sessions(b.get("user"))},
            ("POST", "revoke"): lambda _r, b: _shown(crm.revoke(b.pop("user"), **b)),
            ("POST", "reset-log"): lambda _r, _b: _done(crm.reset_log),
        }


def _done(act: Callable[..., None], *arguments: Any) -> dict[str, bool]:
    act(*arguments)
    return {"done": True}


def _shown(user: Any) -> dict[str, Any]:
    hidden = {"password"}
    return {k: sorted(v) if isinstance(v, set) else v for k, v in asdict(user).items() if k not in hidden}
