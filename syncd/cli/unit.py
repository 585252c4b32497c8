"""The systemd drop-in for what the configuration names outside the service's own folders."""

from __future__ import annotations

import grp
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncd.config import Config

OWN_FOLDERS = (Path("/var/lib/syncd"), Path("/run/syncd"), Path("/var/cache/syncd"), Path("/var/log/syncd"))
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome= takes away


def drop_in(config: Config) -> str:
    """The text of the drop-in: folders that may be written to, and groups that let the service in."""
    folders = [path for path in dict.fromkeys(_folders(config)) if not _inside(path, OWN_FOLDERS)]
    lines = [
        "# Made by `syncd check --unit`. Save it with `systemctl edit syncd`, then restart syncd.",
        "[Service]",
    ]
    hidden = [path for path in folders if _inside(path, HIDDEN)]
    lines += [f"ReadWritePaths={_quoted(path)}" for path in folders if path not in hidden]
    if hidden:
        lines += ["ProtectHome=tmpfs", *(f"BindPaths={_quoted(path)}" for path in hidden)]
    groups = dict.fromkeys([*_named_groups(config.tables), *_owning_groups(folders)])
    if groups:
        lines.append("SupplementaryGroups=" + " ".join(groups))
    if len(lines) == 2:
        lines.append("# Nothing is needed: no folder is configured outside the service's own.")
    return "\n".join(lines) + "\n"


def _folders(config: Config) -> Iterator[Path]:
    from syncd.config import database_file
    from syncd.config.values import resolved

    database = database_file(config.state)
    if database is not None and database.is_absolute():
        yield database.parent
    for section in ("export", "import", "backup"):
        for text in _texts(config.tables.get(section), "folder"):
            yield resolved(text, config.folder)


def _named_groups(tables: Mapping[str, Any]) -> Iterator[str]:
    for section in ("export", "import", "backup"):
        yield from _texts(tables.get(section), "group")


def _texts(table: object, key: str) -> Iterator[str]:
    """Every text under that key, however deep."""
    if isinstance(table, Mapping):
        for name, value in table.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _texts(value, key)
    elif isinstance(table, list):
        for item in table:
            yield from _texts(item, key)


def _owning_groups(folders: list[Path]) -> Iterator[str]:
    """Groups that may write to a folder, other than root's own."""
    for folder in folders:
        try:
            found = folder.stat()
            if found.st_mode & stat.S_IWGRP and found.st_gid != 0:
                yield grp.getgrgid(found.st_gid).gr_name
        except (OSError, KeyError):
            continue


def _inside(path: Path, places: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _quoted(path: Path) -> str:
    """As systemd reads it: percent signs doubled, in quotes where there is a space."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if any(char in text for char in " '\"\t") else text
