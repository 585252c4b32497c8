"""How the CRM of a test is built and asked: the platform, the mirroring variant, the sign-in, GET in `$batch`."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal, get_args

from syncd.sandbox.creatio.profile import Profile

Runtime = Literal["framework", "core"]
Comm = Literal["L", "M", "C"]


@dataclass(frozen=True)
class Dress:
    """One way a CRM may be built. Every rule holds in all of them."""

    runtime: Runtime = "framework"
    comm: Comm = "L"
    auth: str = "oauth"
    batch_get: bool = True

    def __str__(self) -> str:
        return f"{self.runtime}-{self.comm}-{self.auth}-{'batch' if self.batch_get else 'single'}"

    @property
    def profile(self) -> Profile:
        return Profile(runtime=self.runtime, comm=self.comm, batch_get=self.batch_get)


_BUILDS = [(runtime, comm) for comm in get_args(Comm) for runtime in get_args(Runtime)]


def six(seed: int = 0) -> list[Dress]:
    """All six builds; the seed shifts which of them are signed in to by forms and which take GET in `$batch`."""
    return [
        Dress(runtime, comm, "forms" if (at + seed) % 2 else "oauth", (at // 2 + seed) % 2 == 0)
        for at, (runtime, comm) in enumerate(_BUILDS)
    ]


def two(name: str) -> list[Dress]:
    """Two builds of different platform and variant, another two for another name, the same at every run."""
    turn = zlib.crc32(name.encode())
    dresses = six(turn)
    first = turn % 6
    return [dresses[first], dresses[(first + 3) % 6]]
