"""The configuration: one TOML file, read once, checked whole, passed on by hand."""

from __future__ import annotations

from syncd.config.load import Config, database_file, find, load
from syncd.config.model import (
    Account,
    Auth,
    Crm,
    Daemon,
    Direction,
    FirstSync,
    Google,
    Limit,
    Limits,
    MapRow,
    Pair,
    Runtime,
    State,
    Tags,
)
from syncd.config.values import Secret

__all__ = [
    "Account",
    "Auth",
    "Config",
    "Crm",
    "Daemon",
    "Direction",
    "FirstSync",
    "Google",
    "Limit",
    "Limits",
    "MapRow",
    "Pair",
    "Runtime",
    "Secret",
    "State",
    "Tags",
    "database_file",
    "find",
    "load",
]
