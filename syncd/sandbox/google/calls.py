"""One API call as its function sees it: whose, when, with which parameters and body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from syncd.sandbox.google import payload
from syncd.sandbox.google.draft import Rules
from syncd.sandbox.google.masks import CONTACT, PROFILE, included_fields, parse_sources, required_mask
from syncd.sandbox.google.problems import ApiError, Json, bad_payload, invalid
from syncd.sandbox.google.render import View
from syncd.sandbox.google.switches import Switches
from syncd.sandbox.google.users import User

MAX_PAGE = 1000


@dataclass(frozen=True)
class Call:
    """`args` are the variable parts of the path; `query` has every value of each parameter."""

    user: User
    now: float
    args: Sequence[str] = ()
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""

    @property
    def switches(self) -> Switches:
        return self.user.world.switches

    @property
    def rules(self) -> Rules:
        return Rules(self.user.book, self.user.region, self.switches, self.now)

    def text(self, name: str) -> str:
        values = self.query.get(name)
        return values[-1] if values else ""

    def flag(self, name: str) -> bool:
        value = self.text(name)
        if value not in ("", "true", "false"):
            raise _wrong_type(name, "TYPE_BOOL", value)
        return value == "true"

    def number(self, name: str) -> int:
        value = self.text(name)
        digits = value.removeprefix("-")
        if value and not (digits.isascii() and digits.isdigit()):
            raise _wrong_type(name, "TYPE_INT32", value)
        return int(value or 0)

    def many(self, name: str) -> list[str]:
        return self.query.get(name, [])

    def page_size(self, default: int) -> int:
        size = self.number("pageSize")
        if not 0 <= size <= MAX_PAGE:
            raise invalid()
        return size or default

    def message(self, kind: str, at: str = "") -> Json:
        """The body bound to a message; `at` is the field it fills when it is not the whole request."""
        return payload.bind(payload.parse(self.body), kind, at)

    def view(self, parameter: str, default: Sequence[str] = (CONTACT, PROFILE), *, in_list: bool = False) -> View:
        """The required mask and the sources of a read."""
        text = self.text(parameter) or included_fields(self.text("requestMask.includeField"))
        return View(required_mask(text, parameter), parse_sources(self.many("sources"), default), in_list)

    def charge(self, *families: str) -> None:
        self.user.meter.charge(families, self.now)


def _wrong_type(parameter: str, kind: str, value: str) -> ApiError:
    name = payload.snake(parameter)
    return bad_payload(f"Invalid value at '{name}' ({kind}), \"{value}\"", name)
