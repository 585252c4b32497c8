"""The `$filter` grammar: text in, tree out. Knows no columns; anything beyond the grammar is refused.

Grammar: comparisons of a path with a literal, `and`, `or`, `not`, parentheses, contains/startswith/endswith.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from syncd.sandbox.creatio.values import GUID, INSTANT, ticks_of


class Unparsable(ValueError):
    """The text is not a filter at all."""


class Unsupported(ValueError):
    """A filter by the standard, beyond what this server takes."""


@dataclass(frozen=True)
class Literal:
    """A value as written, with the EDM type its form has."""

    edm: str
    value: Any


@dataclass(frozen=True)
class Compare:
    """A path, an operator, a literal."""

    path: str
    op: str
    literal: Literal


@dataclass(frozen=True)
class Match:
    """contains, startswith, endswith."""

    function: str
    path: str
    text: str


@dataclass(frozen=True)
class Not:
    """`not` of one."""

    inner: Expr


@dataclass(frozen=True)
class Both:
    """`and` of two or more."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True)
class Either:
    """`or` of two or more."""

    parts: tuple[Expr, ...]


Expr = Compare | Match | Not | Both | Either
OPS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
FUNCTIONS: Final = ("contains", "startswith", "endswith")
_WORDS: Final = {
    "true": Literal("Edm.Boolean", True),
    "false": Literal("Edm.Boolean", False),
    "null": Literal("null", None),
}
MAX_DEPTH: Final = 100
_TOKEN = re.compile(
    rf"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<guid>{GUID.pattern})(?![\w-])|(?P<instant>{INSTANT.pattern})"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])|(?P<path>[A-Za-z_]\w*(?:/[$A-Za-z_]\w*)*)|(?P<mark>[(),:]))"
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Unparsable(f"Syntax error at position {at} in '{text}'.")
        kind = next(k for k in ("string", "guid", "instant", "number", "path", "mark") if match[k] is not None)
        found.append(_Token(kind, match[kind]))
        at = match.end()
    return found


def parse(text: str) -> Expr:
    """The tree of a filter. Raises Unparsable or Unsupported."""
    return _Parser(_tokens(text), text).whole()


class _Parser:
    def __init__(self, tokens: list[_Token], text: str) -> None:
        self._tokens, self._text, self._at, self._depth = tokens, text, 0, 0

    def whole(self) -> Expr:
        expr = self._either()
        if self._at < len(self._tokens):
            raise self._error()
        return expr

    def _error(self) -> Unparsable:
        where = self._tokens[self._at].text if self._at < len(self._tokens) else "the end"
        return Unparsable(f"Syntax error at {where} in '{self._text}'.")

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end", "")

    def _take(self, kind: str, text: str | None = None) -> str:
        token = self._peek()
        if token.kind != kind or (text is not None and token.text != text):
            raise self._error()
        self._at += 1
        return token.text

    def _skip_word(self, word: str) -> bool:
        if self._peek() != _Token("path", word):
            return False
        self._at += 1
        return True

    def _either(self) -> Expr:
        parts = [self._both()]
        while self._skip_word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Expr:
        parts = [self._unary()]
        while self._skip_word("and"):
            parts.append(self._unary())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _unary(self) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unparsable("Recursion limit exceeded.")
        try:
            return self._nested()
        finally:
            self._depth -= 1

    def _nested(self) -> Expr:
        if self._skip_word("not"):
            return Not(self._unary())
        if self._peek() == _Token("mark", "("):
            self._take("mark", "(")
            inner = self._either()
            self._take("mark", ")")
            return inner
        path = self._take("path")
        if self._peek() == _Token("mark", "("):
            return self._function(path)
        return self._comparison(path)

    def _function(self, name: str) -> Expr:
        if name not in FUNCTIONS:
            raise Unsupported(f"An unknown function with name '{name}' was found.")
        self._take("mark", "(")
        path = self._take("path")
        if self._peek() == _Token("mark", "("):
            raise Unsupported(f"An unknown function with name '{path}' was found.")
        self._take("mark", ",")
        text = self._literal()
        self._take("mark", ")")
        if text.edm != "Edm.String":
            raise Unparsable(f"No function signature for the function with name '{name}' matches the arguments.")
        return Match(name, path, text.value)

    def _comparison(self, path: str) -> Expr:
        token = self._peek()
        if token.text == "in":
            raise Unsupported("The 'in' operator is not supported.")
        if token.kind != "path" or token.text not in OPS:
            raise self._error()
        self._at += 1
        return Compare(path, token.text, self._literal())

    def _literal(self) -> Literal:
        token = self._peek()
        self._at += 1
        if token.kind == "string":
            return Literal("Edm.String", token.text[1:-1].replace("''", "'"))
        if token.kind == "guid":
            return Literal("Edm.Guid", token.text.lower())
        if token.kind == "instant":
            return Literal("Edm.DateTimeOffset", ticks_of(token.text))
        if token.kind == "number":
            whole = "." not in token.text
            return Literal("Edm.Int32", int(token.text)) if whole else Literal("Edm.Decimal", float(token.text))
        return self._word(token)

    def _word(self, token: _Token) -> Literal:
        if token.kind == "path" and token.text in _WORDS:
            return _WORDS[token.text]
        if token.kind == "path" and self._peek().text == "(":
            raise Unsupported(f"An unknown function with name '{token.text}' was found.")
        self._at -= 1
        raise self._error()
