"""One account with many contacts: the first sync, and runs with nothing to do; time, memory, requests.

    .venv/bin/python benchmarks/large_account.py 25000 crm      from the CRM to Google
    .venv/bin/python benchmarks/large_account.py 25000 google   from Google to the CRM
    .venv/bin/python benchmarks/large_account.py 25000 link     the same people on both sides already

Both sandbox servers run in this process, syncd in one of its own, so that the memory shown is syncd's alone. Prints one
JSON object per run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from syncd.cli.demo.stage import ANNA, EMAIL, MOBILE, Stage

ROOT = Path(__file__).resolve().parents[1]
RUNS = ("first sync", "nothing to do", "nothing to do, later")
USAGE = "--usage"
SETTLED = 1800.0
"""Seconds after which the CRM's overlap has passed."""


def main(count: int, where: str) -> None:
    """Fill one side, or both with the same people; then sync, and sync again with nothing to do.

    The third run comes hours later by the servers' clocks: right after a change the CRM is read with an overlap.
    """
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), players=(ANNA,)) as stage:
        if where in ("crm", "link"):
            fill_crm(stage, count)
        if where in ("google", "link"):
            fill_google(stage, count)
        stage.connect_quietly(ANNA)
        for what in RUNS:
            if what == RUNS[-1]:
                pass_time(stage)
            stage.crm.reset_log()
            stage.google.reset_log()
            told = {"run": what, "filled": where, "contacts": count} | measured(stage)
            print(json.dumps(told, ensure_ascii=False), flush=True)


def pass_time(stage: Stage) -> None:
    """Hours without a change, and one reading that notices so."""
    for _ in range(2):
        stage.clock.advance(SETTLED)
        stage.crm_clock.advance(SETTLED)
        measured(stage)


def fill_crm(stage: Stage, count: int) -> None:
    """`count` tagged contacts, each with a note, an e-mail and a phone."""
    ids = [str(uuid.UUID(int=n + 1, version=4)) for n in range(count)]
    people = [
        {
            "Id": key,
            "Name": f"Given{n} Family{n}",
            "GivenName": f"Given{n}",
            "Surname": f"Family{n}",
            "Notes": f"No {n}",
        }
        for n, key in enumerate(ids)
    ]
    rows = [
        {"Id": str(uuid.uuid4()), "ContactId": key, "CommunicationTypeId": kind, "Number": number}
        for n, key in enumerate(ids)
        for kind, number in ((EMAIL, f"p{n}@example.com"), (MOBILE, f"+1202{n:07d}"))
    ]
    tags = [{"Id": str(uuid.uuid4()), "EntityId": key, "TagId": stage.tags["anna"]} for key in ids]
    stage.crm.load("Contact", people)
    stage.crm.load("ContactCommunication", rows)
    stage.crm.load("ContactInTag", tags)


def fill_google(stage: Stage, count: int) -> None:
    """The same people in the group."""
    user = stage.google.user(ANNA.email)
    group = user.create_group("Creatio")
    for n in range(count):
        user.create(
            {
                "names": [{"givenName": f"Given{n}", "familyName": f"Family{n}"}],
                "biographies": [{"value": f"No {n}"}],
                "emailAddresses": [{"value": f"p{n}@example.com"}],
                "phoneNumbers": [{"value": f"+1202{n:07d}", "type": "mobile"}],
                "memberships": [{"contactGroupMembership": {"contactGroupResourceName": group}}],
            }
        )


def measured(stage: Stage) -> dict[str, Any]:
    """One `syncd sync` as a process: its report, what it used, and what the servers saw."""
    command = [sys.executable, __file__, USAGE]
    done = subprocess.run(command, cwd=ROOT, env=stage.environ, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ours
    calls = Counter(entry["api"] or entry["path"] for entry in stage.google.log)
    crm = Counter(f"{entry.method} {entry.path.rpartition('/odata/')[2]}" for entry in stage.crm.log)
    used: dict[str, Any] = json.loads(done.stdout)
    return used | {"google": dict(calls), "crm": dict(crm)}


def usage() -> dict[str, Any]:
    """Run `syncd sync` from this small process: a child's peak memory counts from its parent's at the fork."""
    began = time.monotonic()
    command = [sys.executable, "-m", "syncd", "sync", ANNA.account, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own program
        out = process.stdout.read() if process.stdout is not None else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "report": json.loads(out) if out else None,
        "exit": process.returncode,
        "wall_seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_megabytes": used.ru_maxrss // 1024,
    }


if __name__ == "__main__":
    if sys.argv[1:] == [USAGE]:
        print(json.dumps(usage()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 25_000, sys.argv[2] if len(sys.argv) > 2 else "crm")
