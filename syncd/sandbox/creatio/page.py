"""The page for people under `/_sandbox/`: contacts with their tags and the last requests, read only."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from syncd.sandbox.creatio.values import instant_text
from syncd.sandbox.wire import Reply

if TYPE_CHECKING:
    from syncd.sandbox.creatio.server import CreatioSandbox

SHOWN = 200
_STYLE = (
    "body{font:14px system-ui;margin:2em;color:#222}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #ccc;padding:3px 8px;text-align:left}th{background:#f3f3f3}"
)
_HEADS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Cache-Control", "no-store"),
)


def home_page(crm: CreatioSandbox) -> Reply:
    """The page as a reply; every value in it is escaped."""
    profile = crm.profile
    contacts = list(crm.store.rows("Contact").values())
    body = (
        f"<h1>Sandbox CRM</h1><p>Service: <code>{escape(crm.base)}/odata</code>, mirroring {escape(profile.comm)}, "
        f"{len(contacts)} contacts, {len(crm.log)} requests.</p>"
        f"<h2>Contacts</h2>{_contacts(crm, contacts)}<h2>Last requests</h2>{_requests(crm)}"
    )
    head = f"<head><meta charset=utf-8><title>Sandbox CRM</title><style>{_STYLE}</style></head>"
    page = f"<!DOCTYPE html><html lang=en>{head}<body>{body}</body></html>"
    return Reply(200, page.encode("utf-8", "replace"), _HEADS)


def _contacts(crm: CreatioSandbox, contacts: list[dict[str, Any]]) -> str:
    newest = sorted(contacts, key=lambda row: row["ModifiedOn"], reverse=True)[:SHOWN]
    tags = crm.store.rows("ContactTag")
    links = crm.store.tables["ContactInTag"]
    lines = []
    for row in newest:
        names = [tags[links.rows[key]["TagId"]]["Name"] for key in links.linked("EntityId", row["Id"])]
        cells = (row.get("Name"), row.get("Email"), row.get("MobilePhone"), row.get("JobTitle"), ", ".join(names))
        lines.append(_line([*cells, instant_text(row["ModifiedOn"])]))
    return _table(("Name", "Email", "Mobile", "Job", "Tags", "Changed"), lines)


def _requests(crm: CreatioSandbox) -> str:
    entries = list(crm.log)[-50:]
    lines = [_line([e.method, e.path, e.status, e.session, e.cut]) for e in reversed(entries)]
    return _table(("Method", "Path", "Status", "Session", "Fault"), lines)


def _line(cells: list[Any]) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell or ''))}</td>" for cell in cells) + "</tr>"


def _table(heads: tuple[str, ...], lines: list[str]) -> str:
    return "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>" + "".join(lines) + "</table>"
