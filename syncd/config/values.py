"""Kinds of values: durations, addresses, paths, secrets. Each says in plain words what is wrong with it."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from syncd.core.errors import ConfigError, Problem

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
PROBLEM = "syncd"  # the type of errors that bring their own sentence


@dataclass
class Surroundings:
    """What values are read against. Validators add to `warnings` what works but is not as it should be."""

    folder: Path
    state_folder: Path
    environ: Mapping[str, str]
    warnings: list[Problem] = field(default_factory=list)


def wrong(message: str, suggestion: str = "") -> PydanticCustomError:
    """An error that carries its own sentence and suggestion."""
    return PydanticCustomError(PROBLEM, "{message}", {"message": message, "suggestion": suggestion})


def surroundings(info: ValidationInfo) -> Surroundings:
    """The surroundings that the validation was started with."""
    found = info.context
    return found if isinstance(found, Surroundings) else Surroundings(Path.cwd(), Path.cwd(), {})


# ---------------------------------------------------------------------------------------------- durations


def seconds(value: Any) -> float:
    """Seconds of a duration such as "90s", "5m", "2h", "1d", "1w"."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        return float(match[1]) * SECONDS[match[2]]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    hint = f'with a unit: "{value}s"' if number else 'a number with a unit: "90s", "5m", "2h", "1d"'
    raise wrong("is not a duration", f"write {hint}")


def _at_least_a_second(value: float) -> float:
    if value < 1:
        raise wrong("is too short", 'the shortest is "1s"')
    return value


Duration = Annotated[float, PlainValidator(seconds), AfterValidator(_at_least_a_second)]
"""Seconds."""

# ---------------------------------------------------------------------------------------------- texts and addresses

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def is_loopback(host: str) -> bool:
    """Whether the host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def web_address(value: str) -> str:
    """The address without a slash at its end. http:// only for this machine itself; no user name, query or fragment."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wrong("is not an address", 'write it like "https://acme.creatio.com"') from None
    if parts.scheme not in ("https", "http") or not host:
        raise wrong("is not a web address", 'write it like "https://acme.creatio.com"')
    if parts.scheme == "http" and not is_loopback(host):
        raise wrong("is not encrypted; http:// is accepted for this machine itself only", f"https://{parts.netloc}")
    if parts.username is not None or parts.query or parts.fragment:
        raise wrong("must not hold a user name, `?` or `#`")
    return value.rstrip("/")


WebAddress = Annotated[Text, AfterValidator(web_address)]

# ---------------------------------------------------------------------------------------------- files


def resolved(value: str, folder: Path) -> Path:
    """The path, starting at the folder when it is relative."""
    return Path(os.path.normpath(folder / Path(value).expanduser()))


def readable(path: Path) -> None:
    """Raise, in plain words, when the file cannot be read or is empty."""
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError:
        raise wrong(
            f"names a file that does not exist: {path}", "relative paths start at the configuration file"
        ) from None
    except OSError as exc:
        raise wrong(f"names a file that cannot be read: {path}: {exc.strerror}") from None
    if empty:
        raise wrong(f"names a file that is empty: {path}")


def _existing_file(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise wrong("must be the path of a file, in quotes")
    path = resolved(value, surroundings(info).folder)
    readable(path)
    return path


ExistingFile = Annotated[Path, PlainValidator(_existing_file)]


# ---------------------------------------------------------------------------------------------- secrets


@dataclass(frozen=True, repr=False)
class Secret:
    """Where a secret is kept: a file, or a credential that the service manager hands over. Read when asked for."""

    key: str
    file: Path | None = None
    credential: str = ""
    folder: Path | None = field(default=None, compare=False)  # of credentials

    def __repr__(self) -> str:
        return "***"

    @property
    def path(self) -> Path | None:
        """The file that holds it; None for a credential outside a service."""
        return self.file or (self.folder / self.credential if self.folder else None)

    def reveal_bytes(self) -> bytes:
        """The content of the file, as it is. Raises ConfigError when it cannot be read."""
        if self.path is None:
            where = f"the credential {self.credential!r} is only there in the service; start syncd by systemd"
            raise ConfigError((Problem(self.key, where, f"or name a file: {self.key} = {{ file = … }}"),))
        try:
            return self.path.read_bytes()
        except OSError as exc:
            raise ConfigError((Problem(self.key, f"{self.path} cannot be read: {exc.strerror}"),)) from None

    def reveal(self) -> str:
        """The secret as text, without the line end that editors add. Raises ConfigError when it cannot be read."""
        try:
            return self.reveal_bytes().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ConfigError((Problem(self.key, f"{self.path} is not a text in UTF-8"),)) from None


def _secret(value: Any, info: ValidationInfo) -> Secret:
    key = info.field_name or "secret"
    way = f'{key} = {{ file = "{key}.secret" }} or {{ credential = "{key}" }}'
    if isinstance(value, str):
        raise wrong("must not be written into the configuration", f"put it into a file of mode 0400: {way}")
    if not isinstance(value, Mapping) or len(value) != 1 or not set(value) <= {"file", "credential"}:
        raise wrong("must name either a file or a credential", way)
    kind, name = next(iter(value.items()))
    if not isinstance(name, str) or not name:
        raise wrong(f"{kind} must be a name in quotes", way)
    around = surroundings(info)
    if kind == "credential":
        if "/" in name:
            raise wrong("a credential has a name, not a path", way)
        folder = around.environ.get("CREDENTIALS_DIRECTORY")
        return Secret(key, credential=name, folder=Path(folder) if folder else None)
    start = around.state_folder if key == "key" else around.folder
    return Secret(key, file=resolved(name, start))


def _present(secret: Secret, info: ValidationInfo) -> Secret:
    if secret.path is not None:
        readable(secret.path)
        warn_of_mode(secret, surroundings(info).warnings)
    return secret


def warn_of_mode(secret: Secret, warnings: list[Problem]) -> None:
    """Add a warning when other users of the machine can read the file."""
    if secret.file is None or not secret.file.exists():
        return
    mode = stat.S_IMODE(secret.file.stat().st_mode)
    if mode & 0o077:
        warnings.append(Problem(secret.key, f"{secret.file} has mode {mode:04o}: others can read it", "chmod 0400"))


def _maybe_made_later(secret: Secret, info: ValidationInfo) -> Secret:
    warn_of_mode(secret, surroundings(info).warnings)
    return secret


SecretPlace = Annotated[Secret, PlainValidator(_secret), AfterValidator(_present)]
KeyPlace = Annotated[Secret, PlainValidator(_secret), AfterValidator(_maybe_made_later)]
"""A secret that syncd makes itself when it is not there."""


def _whole(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong("must be a whole number")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole)]
