"""Masking: takes secrets out of what goes to a log. Personal data is kept out by never logging it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
NAMES = (
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "code_verifier",
    "password",
    "passwd",
    "assertion",
    "private_key",
    "api_key",
)
SECRET_KEYS = frozenset({"secret", "token", "authorization", "cookie", "set-cookie", *NAMES})

PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
HEADER = re.compile(
    r"(?i)(?:(?<![\w-])|(?<=\\[nr]))((?:set-cookie|cookie|authorization|bpmcsrf)[\"']?\s*[:=]\s*[\"']?)[^\r\n\"'{}]+"
)
NAMED = re.compile(rf"(?i)(?<![a-z0-9])((?:{'|'.join(NAMES)})\\*[\"']?\s*(?:[:=]|%3D)\s*\\*[\"']?)[^\s\"'\\&,;{{}}]+")
CODE = re.compile(r"(?i)(?<![a-z0-9_])(code(?:=|%3D))[^\s\"'&,;]+")
TOKEN = re.compile(
    r"ya29\.[\w.~+/=-]+|(?<![\w/])1//[\w-]{6,}|GOCSPX-[\w-]+|(?<![\w/])4/[\w-]{16,}|4%2F[\w-]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"
)
BEARER = re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}")
USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
QUERY = re.compile(r"\?[^\s\"'<>]+")


def redact(text: str) -> str:
    """The text without tokens, passwords, cookies, keys, codes and user names in addresses."""
    text = PEM.sub(MASK, text)
    text = HEADER.sub(rf"\g<1>{MASK}", text)
    text = NAMED.sub(rf"\g<1>{MASK}", text)
    text = CODE.sub(rf"\g<1>{MASK}", text)
    text = BEARER.sub(rf"\g<1>{MASK}", text)
    text = TOKEN.sub(MASK, text)
    return USERINFO.sub(f"{MASK}@", text)


def without_queries(text: str) -> str:
    """Also without what follows `?` in addresses: other people's log lines show searches, which name persons."""
    return QUERY.sub(f"?{MASK}", text)


def redacted(value: Any) -> Any:
    """The value with every text in it redacted, and everything under a telling key masked."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: MASK if str(key).lower() in SECRET_KEYS else redacted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact(str(value))
