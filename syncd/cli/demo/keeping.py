"""`syncd demo --keep`: what is left running, and how to play on with it."""

from __future__ import annotations

import json
import shlex
import threading
from contextlib import suppress
from pathlib import Path

from syncd.cli.demo.sight import name_of
from syncd.cli.demo.stage import ANNA, Stage
from syncd.cli.demo.telling import Teller

INTERVAL = "10s"
"""Short enough to watch an edit cross by itself."""


def play_on(stage: Stage, teller: Teller) -> None:
    """Leave everything up, say how to use it, and wait until the user has had enough."""
    stage.daemon_lines = f'interval = "{INTERVAL}"'
    (stage.folder / "syncd.toml").write_text(stage.toml())
    list(stage.ask({"command": "reload"}))
    teller.kept(_places(stage), _lines(stage))
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _places(stage: Stage) -> dict[str, str]:
    return {
        "google": f"{stage.google_http.url}/",
        "crm": f"{stage.crm_http.url}/_sandbox/",
        "config": str(stage.folder / "syncd.toml"),
        "log": str(stage.folder / "daemon.log"),
    }


def _lines(stage: Stage) -> list[tuple[str, str]]:
    """What one may want to do, and the command or address for it."""
    places = _places(stage)
    syncd = f"{_program()} --config {shlex.quote(places['config'])}"
    return [
        ("What Google holds, as a page:", places["google"]),
        ("What the CRM holds, as a page:", places["crm"]),
        *_edits(stage),
        (f"It crosses by itself (every {INTERVAL}); to see it at once:", f"{syncd} sync"),
        ("How the accounts are:", f"{syncd} status"),
        ("What the daemon says:", f"tail -f {shlex.quote(places['log'])}"),
        ("Ctrl-C ends it. The folder stays:", str(stage.folder)),
    ]


def _edits(stage: Stage) -> list[tuple[str, str]]:
    """An edit on each side, ready to be pasted."""
    crm_id, contact = min(stage.tagged(ANNA).items(), key=lambda i: str(i[1]["Name"]), default=("ID", {}))
    resource, person = max(stage.grouped(ANNA).items(), key=lambda i: name_of(i[1]), default=("people/ID", {}))
    typed = {"phones": [{"type": "mobile", "number": "+1 202 555 0177"}], "by": ANNA.account}
    dialled = {
        "email": ANNA.email,
        "resourceName": resource,
        "fields": {"phoneNumbers": [{"value": "+1 202 555 0188", "type": "mobile"}]},
    }
    return [
        (
            f"Edit {contact.get('Name', 'a contact')} in the CRM:",
            f"curl -X PATCH {stage.crm_http.url}/_sandbox/contacts/{crm_id} -d {_quoted(typed)}",
        ),
        (
            f"Edit {name_of(person)} on Anna's phone:",
            f"curl {stage.google_http.url}/_sandbox/contacts/edit -d {_quoted(dialled)}",
        ),
    ]


def _program() -> str:
    """How syncd is called: from the checkout it runs from, or as it was installed."""
    checkout = Path(__file__).resolve().parents[3] / "bin" / "syncd"
    return shlex.quote(str(checkout)) if checkout.exists() else "syncd"


def _quoted(body: object) -> str:
    return shlex.quote(json.dumps(body))
