"""Finds, reads and checks the configuration file, and reports every problem at once."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from syncd.config.model import Account, Crm, Daemon, File, Google, State
from syncd.config.problems import problems
from syncd.config.rules import rule_problems, unused_sign_in
from syncd.config.values import Surroundings
from syncd.core.errors import ConfigError, Problem

SYSTEM_FILE = Path("/etc/syncd/syncd.toml")
SYSTEM_STATE = Path("/var/lib/syncd")
SYSTEM_RUNTIME = Path("/run/syncd")
SOCKET = "control.sock"

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """The checked configuration. Paths are absolute. `tables` are the sections that other parts check themselves.

    `warnings` are faults that do not keep syncd from working. `control_socket` is where a running daemon listens.
    """

    path: Path
    state: State
    daemon: Daemon
    google: Google
    crms: Mapping[str, Crm]
    accounts: Mapping[str, Account]
    tables: Mapping[str, Table]
    warnings: tuple[Problem, ...]
    runtime_folder: Path

    def __repr__(self) -> str:
        return f"Config({str(self.path)!r})"

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.path.parent

    @property
    def control_socket(self) -> Path:
        return self.runtime_folder / SOCKET


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read and check the configuration file. Raises ConfigError with every problem there is."""
    path = find(path, environ)
    raw = _parse(path)
    around = Surroundings(path.parent, _state_folder(path, environ), environ)
    found = list(rule_problems(raw))
    file = None
    try:
        file = File.model_validate(raw, context=around)
    except ValidationError as error:
        found = [*problems(error, File), *found]
    if file is None or found:
        raise ConfigError(_without_repeats(found))
    return _config(path, file, raw, around)


def find(path: Path | None, environ: Mapping[str, str]) -> Path:
    """The absolute path of the file to read: the one asked for, $SYNCD_CONFIG, ./syncd.toml, the system's."""
    named = path or (Path(environ["SYNCD_CONFIG"]) if environ.get("SYNCD_CONFIG") else None)
    if named is not None:
        return named.absolute()
    places = (Path("syncd.toml").absolute(), SYSTEM_FILE)
    for place in places:
        if place.exists():
            return place
    looked = " and ".join(str(place) for place in places)
    hint = "run `syncd init` to make one, or name one with --config or $SYNCD_CONFIG"
    raise ConfigError((Problem("configuration", f"there is none at {looked}", hint),))


def _parse(path: Path) -> dict[str, Any]:
    key = str(path)
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError((Problem(key, "there is no such file", "run `syncd init` to make one"),)) from None
    except OSError as exc:
        raise ConfigError((Problem(key, f"cannot be read: {exc.strerror}"),)) from None
    except UnicodeDecodeError as exc:
        raise ConfigError((Problem(key, f"is not in UTF-8 (byte {exc.start})", "save it as UTF-8"),)) from None
    except tomllib.TOMLDecodeError as exc:
        message = str(exc)
        raise ConfigError((Problem(key, f"is not TOML: {message[:1].lower()}{message[1:]}"),)) from None


def _state_folder(path: Path, environ: Mapping[str, str]) -> Path:
    """Where relative paths of the state start.

    Under systemd that is its state folder. A command that reads the system's configuration outside the service must
    mean the same state as the service does.
    """
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    return SYSTEM_STATE if path == SYSTEM_FILE and SYSTEM_STATE.is_dir() else path.parent


def _runtime_folder(path: Path, state: State, environ: Mapping[str, str]) -> Path:
    given = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if path == SYSTEM_FILE and SYSTEM_RUNTIME.is_dir():
        return SYSTEM_RUNTIME
    database = database_file(state)
    return database.parent if database else path.parent


def database_file(state: State) -> Path | None:
    """The file of the state; None when it is on a server."""
    scheme, _, rest = state.url.partition(":///")
    return Path(rest.partition("?")[0]) if scheme == "sqlite" else None


def _config(path: Path, file: File, raw: Table, around: Surroundings) -> Config:
    sections = {"console": file.console, "mail": file.mail, "fleet": file.fleet, "backup": file.backup}
    tables = {name: table for name, table in sections.items() if table is not None}
    tables |= {"export": file.export, "import": file.import_}
    return Config(
        path=path,
        state=file.state,
        daemon=file.daemon,
        google=file.google,
        crms=MappingProxyType(dict(file.crm)),
        accounts=MappingProxyType(dict(file.account)),
        tables=MappingProxyType(tables),
        warnings=(*around.warnings, *unused_sign_in(raw), *_state_warnings(file.state), *_group_warnings(path)),
        runtime_folder=_runtime_folder(path, file.state, around.environ),
    )


def _state_warnings(state: State) -> tuple[Problem, ...]:
    scheme, _, rest = state.url.partition("://")
    login, at, _ = rest.rpartition("@")
    if scheme != "sqlite" and at and ":" in login:
        hint = "put it into a passfile: postgresql+psycopg://user@host/db?passfile=/path"
        return (Problem("state.url", "holds a password", hint),)
    return ()


def _group_warnings(path: Path) -> tuple[Problem, ...]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & stat.S_IWOTH:
        return (Problem(str(path), f"has mode {mode:04o}: anybody can change it", "chmod 0644"),)
    return ()


def _without_repeats(found: list[Problem]) -> tuple[Problem, ...]:
    """One problem per key: the first says most."""
    first: dict[str, Problem] = {}
    for problem in found:
        first.setdefault(problem.key, problem)
    return tuple(first.values())
