"""What all users of one server share: its switches, its dice and its seal."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.sandbox.google.seal import Seal
from syncd.sandbox.google.switches import Switches


@dataclass
class World:
    """The same seed makes the same ids, etags and tokens in the same order."""

    switches: Switches
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    seal: Seal = field(init=False)
    violations: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seal = Seal(self.dice.randbytes(32))

    def note(self, kind: str, user: str, at: float, detail: Mapping[str, Any] | None = None) -> None:
        """Remember that a client did what Google asks clients not to do."""
        self.violations.append({"kind": kind, "user": user, "at": at, **(detail or {})})

    def contact_id(self) -> int:
        return self.dice.getrandbits(62) | 1 << 60

    def contact_etag(self) -> str:
        return "#" + base64.b64encode(self.dice.randbytes(8)).decode()

    def group_id(self) -> str:
        return f"{self.dice.getrandbits(60) | 1 << 56:x}"

    def group_etag(self) -> str:
        return base64.b64encode(self.dice.randbytes(8)).decode()

    def text(self, size: int = 24) -> str:
        return base64.urlsafe_b64encode(self.dice.randbytes(size)).decode().rstrip("=")

    def horizon(self) -> float:
        """How late the latest reader may be."""
        s = self.switches
        return max(s.stale_reads, s.propagation_delay, s.stale_groups)
