"""Starts the command line with a scripted stand-in behind the interface of `syncd.app`: what runs would say is given.

`python with_app.py ARGUMENTS…` with the script as JSON in $SCRIPT: the answers of the app's methods by their names, or
`{"raise": [class of core.errors, message]}` in place of an answer.
"""

from __future__ import annotations

import json
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import syncd.core.errors
from syncd.config import Config
from syncd.engine.report import Report, RunOutcome

SCRIPT: dict[str, Any] = json.loads(os.environ.get("SCRIPT", "{}"))


class ProgressEvent(NamedTuple):
    """As the app's."""

    account: str
    phase: str
    done: int
    total: int | None
    message: str


class Plan(NamedTuple):
    """As the app's."""

    steps: Iterator[dict[str, Any]]
    tally: dict[str, int]
    reasons: tuple[str, ...]
    missing: tuple[str, ...] = ()


def answer(method: str) -> Any:
    """What the script says for the method, or the exception it asks for."""
    value = SCRIPT.get(method)
    if isinstance(value, dict) and "raise" in value:
        name, message = value["raise"]
        kind = getattr(syncd.core.errors, name, None) or getattr(__builtins__, name)
        raise kind(message)
    return value


class Connector:
    """A Google that grants whatever state it is given."""

    def start(self, redirect_uri: str) -> tuple[str, str, str]:
        Path(os.environ["TMPDIR"], "redirect").write_text(redirect_uri)
        return f"https://accounts.google.com/o/oauth2/v2/auth?state=st&redirect_uri={redirect_uri}", "st", "verifier"

    def finish(self, response: str, **kept: str) -> dict[str, Any]:
        answer("finish")
        return {"email": "anna@example.com", "sub": "1", "given": response.partition("code=")[2], **kept}

    def import_credentials(self, path: Path) -> dict[str, Any]:
        return {"email": path.name}

    def service_account(self, path: Path, subject: str) -> dict[str, Any]:
        return {"email": subject, "file": path.name}


class App:
    """The stand-in."""

    @classmethod
    def open(cls, config: Config) -> Self:
        assert config.accounts
        answer("open")
        return cls()

    @classmethod
    def open_alone(cls, config: Config) -> Self:
        assert config.accounts
        answer("open")
        return cls()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def sync(self, names: Sequence[str] | None, progress: Callable[[ProgressEvent], None]) -> Iterator[Report]:
        answer("sync")
        for row in SCRIPT.get("reports", ()):
            progress(ProgressEvent(row["account"], "reading", 1, 2, ""))
            yield Report(row["account"], RunOutcome(row["outcome"]), reason=row.get("reason", ""))

    def plan(self, name: str) -> Plan:
        return Plan(iter(answer("plan") or ()), {"updates": 1}, ("too many",))

    def approve(self, name: str) -> Any:
        return answer("approve")

    def holds(self, name: str | None) -> Any:
        return answer("holds")

    def resolve(self, name: str, subject: str, choice: dict[str, Any]) -> Any:
        return {"account": name, "subject": subject, "choice": choice}

    def status(self) -> Any:
        return answer("status")

    def check(self, *, offline: bool) -> Any:
        return answer("check")

    def connector(self, name: str) -> Connector:
        return Connector()

    def disconnect(self, name: str) -> Any:
        return answer("disconnect")


def main() -> int:
    """Run the command line with the stand-in in its place."""
    module = types.ModuleType("syncd.app")
    vars(module).update(App=App, ProgressEvent=ProgressEvent)
    sys.modules["syncd.app"] = module
    from syncd.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
