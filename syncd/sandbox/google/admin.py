"""What Google does not have: `/_sandbox` calls that play the user, turn switches, set faults and show what happened.

All bodies and answers are JSON; a user is named by `email`, a contact by `resourceName`, a group by `group`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from syncd.sandbox.faults import Rule
from syncd.sandbox.google import trouble
from syncd.sandbox.google.consent import html_page
from syncd.sandbox.google.problems import ApiError, Json
from syncd.sandbox.google.routes import CONTACTS
from syncd.sandbox.google.users import User
from syncd.sandbox.wire import Clock, Reply, Request, json_reply

if TYPE_CHECKING:
    from syncd.sandbox.google.server import GoogleSandbox

_SHOWN_PER_USER = 500


def handle(sandbox: GoogleSandbox, request: Request, clock: Clock) -> Reply:
    """Answer an admin call; 400 with `error` for one that makes no sense."""
    path = request.path
    if path == "/":
        return _overview(sandbox)
    act = _ACTIONS.get((request.method, path.removeprefix("/_sandbox/")))
    if act is None:
        return json_reply(404, {"error": f"no such admin call: {request.method} {path}"})
    try:
        body = json.loads(request.body or b"{}")
        return json_reply(200, act(sandbox, body, clock))
    except ApiError as problem:
        return json_reply(problem.code, {"error": problem.message})
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as exc:
        return json_reply(400, {"error": f"{type(exc).__name__}: {exc}"})


Action = Callable[["GoogleSandbox", Json, Clock], Any]


def _as_user(act: Callable[[User, Json], Json | None]) -> Action:
    """An action of the user named in the body."""

    def acted(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
        return act(sandbox.user(body["email"]), body) or {}

    return acted


def _add_user(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    user = sandbox.add_user(body["email"], body.get("name", ""))
    if "region" in body:
        user.region = body["region"]
    return {"email": user.email, "sub": user.sub, "name": user.name}


def _create(user: User, body: Json) -> Json:
    return {"resourceName": user.create(body.get("person", {}))}


def _rename(user: User, body: Json) -> Json:
    return {"resourceName": user.rename_resource(body["resourceName"], body.get("to"))}


def _create_group(user: User, body: Json) -> Json:
    return {"group": user.create_group(body["name"], legacy=body.get("legacy", False))}


def _add_other(user: User, body: Json) -> Json:
    return {"resourceName": user.add_other(body.get("person", {}))}


def _promote(user: User, body: Json) -> Json:
    return {"resourceName": user.promote_other(body["resourceName"])}


def _tokens(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    return sandbox.issue_tokens(body["email"], body.get("scopes", (CONTACTS,)))


def _advance(_: GoogleSandbox, body: Json, clock: Clock) -> Json:
    clock.advance(float(body["seconds"]))
    return {"now": clock.now()}


def _turn(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    sandbox.switches.turn(body)
    return _switches(sandbox, body, _)


def _switches(sandbox: GoogleSandbox, _: Json, __: Clock) -> Json:
    return dataclasses.asdict(sandbox.switches)


def _add_fault(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    sandbox.faults.add(trouble.rule(body.pop("canned"), **body) if "canned" in body else Rule(**body))
    return _faults(sandbox, body, _)


def _clear_faults(sandbox: GoogleSandbox, body: Json, clock: Clock) -> Json:
    sandbox.faults.clear()
    return _faults(sandbox, body, clock)


def _faults(sandbox: GoogleSandbox, _: Json, __: Clock) -> Json:
    return {"rules": [dataclasses.asdict(r) for r in sandbox.faults.rules], "hits": dict(sandbox.faults.hits)}


def _revoke(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    sandbox.revoke(body["email"])
    return {}


def _expire_access(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    sandbox.expire_access(body.get("email"))
    return {}


def _expire_sync(sandbox: GoogleSandbox, body: Json, _: Clock) -> Json:
    for user in [sandbox.user(body["email"])] if "email" in body else sandbox.users:
        user.expire_sync_tokens()
    return {}


def _log(sandbox: GoogleSandbox, _: Json, __: Clock) -> Json:
    return {"log": list(sandbox.log), "calls": dict(sandbox.calls), "violations": list(sandbox.violations)}


def _reset_log(sandbox: GoogleSandbox, _: Json, __: Clock) -> Json:
    sandbox.reset_log()
    return {}


def _dump(sandbox: GoogleSandbox, _: Json, __: Clock) -> Json:
    """The true state of every user, for comparing end states."""
    return {"users": [_dumped(user) for user in sandbox.users]}


def _dumped(user: User) -> Json:
    people, groups = list(user.contacts.values()), list(user.groups.values())
    return {"email": user.email, "sub": user.sub, "name": user.name, "contacts": people, "groups": groups}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("POST", "users"): _add_user,
    ("POST", "users/tokens"): _tokens,
    ("POST", "contacts/create"): _as_user(_create),
    ("POST", "contacts/edit"): _as_user(lambda u, b: u.edit(b["resourceName"], **b["fields"])),
    ("POST", "contacts/delete"): _as_user(lambda u, b: u.delete(b["resourceName"])),
    ("POST", "contacts/restore"): _as_user(lambda u, b: u.restore(b["resourceName"])),
    ("POST", "contacts/merge"): _as_user(lambda u, b: u.merge(b["survivor"], b["loser"])),
    ("POST", "contacts/rename"): _as_user(_rename),
    ("POST", "contacts/touch"): _as_user(lambda u, b: u.touch(b["resourceName"])),
    ("POST", "contacts/hide"): _as_user(lambda u, b: u.hide_from_list(b["resourceName"])),
    ("POST", "contacts/link-profile"): _as_user(lambda u, b: u.link_profile(b["resourceName"], **b["fields"])),
    ("POST", "contacts/add-to-group"): _as_user(lambda u, b: u.add_to_group(b["resourceName"], b["group"])),
    ("POST", "contacts/remove-from-group"): _as_user(lambda u, b: u.remove_from_group(b["resourceName"], b["group"])),
    ("POST", "groups/create"): _as_user(_create_group),
    ("POST", "groups/rename"): _as_user(lambda u, b: u.rename_group(b["group"], b["name"])),
    ("POST", "groups/delete"): _as_user(lambda u, b: u.delete_group(b["group"])),
    ("POST", "others/create"): _as_user(_add_other),
    ("POST", "others/promote"): _as_user(_promote),
    ("POST", "clock/advance"): _advance,
    ("GET", "clock"): lambda _, __, clock: {"now": clock.now()},
    ("POST", "switches"): _turn,
    ("GET", "switches"): _switches,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "faults"): _faults,
    ("POST", "revoke"): _revoke,
    ("POST", "expire-access"): _expire_access,
    ("POST", "sync-tokens/expire"): _expire_sync,
    ("GET", "log"): _log,
    ("POST", "reset-log"): _reset_log,
    ("GET", "dump"): _dump,
}


def _overview(sandbox: GoogleSandbox) -> Reply:
    """Users and contacts for human eyes."""
    parts = "".join(_user_section(user) for user in sandbox.users)
    return html_page(200, "Sandbox Google", f"<h1>Sandbox Google</h1>{parts or '<p>No users yet.</p>'}")


def _user_section(user: User) -> str:
    groups = {name: group["formattedName"] for name, group in user.groups.items()}
    people = list(user.contacts.values())
    rows = "".join(_row(person, groups) for person in people[:_SHOWN_PER_USER])
    more = f"<p>… and {len(people) - _SHOWN_PER_USER} more</p>" if len(people) > _SHOWN_PER_USER else ""
    head = f"<h2>{escape(user.name)} <small>{escape(user.email)}</small></h2><p>{len(people)} contacts</p>"
    return f"{head}<table>{rows}</table>{more}"


def _row(person: Json, groups: dict[str, str]) -> str:
    name = (person.get("names") or [{}])[0].get("displayName", "(no name)")
    reach = [i.get("value", "") for f in ("emailAddresses", "phoneNumbers") for i in person.get(f, [])]
    labels = [groups.get(n, n) for n in person["memberships"] if n != "contactGroups/myContacts"]
    cells = (name, ", ".join(reach), ", ".join(labels))
    return "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
