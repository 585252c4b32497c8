"""What both sandboxes hold, as bytes, and back into the same sandboxes. Their clocks, dice and wiring stay in place."""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.creatio.schema import SCHEMA, Entity
from syncd.sandbox.creatio.server import CreatioSandbox
from syncd.sandbox.google.server import GoogleSandbox

MAKERS = (threading.Lock, threading.RLock)
LOCKS: tuple[type, ...] = tuple(type(make()) for make in MAKERS)


class Sandboxes:
    """A pair of sandboxes that can be put back to where they once were."""

    def __init__(self, google: GoogleSandbox, crm: CreatioSandbox) -> None:
        self._google, self._crm = google, crm
        self._fixed = {
            "google.clock": google.clock, "google.world": google.world, "google.switches": google.switches,
            "google.dice": google.world.dice, "google.seal": google.world.seal,
            "crm.clock": crm.clock, "crm.profile": crm.profile, "crm.dice": crm.rng,
        }  # fmt: skip
        self._names = {id(thing): name for name, thing in self._fixed.items()}

    def taken(self) -> bytes:
        """Everything in them that changes."""
        file = io.BytesIO()
        _Pickler(file, self._names).dump(self._state())
        return file.getvalue()

    def put_back(self, taken: bytes) -> None:
        """As they were when this was taken."""
        state = _Unpickler(io.BytesIO(taken), self._fixed).load()
        for name, mutable in self._mutable().items():
            mutable.clear()
            mutable.update(state[name])
        for name, dice in (("google.dice", self._google.world.dice), ("crm.dice", self._crm.rng)):
            dice.setstate(state[name])
        self._google.reset_log()
        self._crm.reset_log()

    def _state(self) -> Mapping[str, Any]:
        dice = {"google.dice": self._google.world.dice.getstate(), "crm.dice": self._crm.rng.getstate()}
        return {**self._mutable(), **dice}

    def _mutable(self) -> dict[str, dict[str, Any]]:
        grants, gate = vars(self._google)["_sign_in"].grants, self._crm.gate
        return {
            "users": vars(self._google)["_users"],
            "grants": vars(grants),
            "tables": self._crm.store.tables,
            "gate.users": gate.users,
            "gate.clients": gate.clients,
            "gate.sessions": gate.sessions,
            "gate.tokens": gate.tokens,
        }


class _Pickler(pickle.Pickler):
    """Names what stays in place instead of copying it, and locks by their kind."""

    def __init__(self, file: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._fixed = names

    def persistent_id(self, thing: object) -> object:
        if type(thing) in LOCKS:
            return "lock", LOCKS.index(type(thing))
        if isinstance(thing, Entity):
            return "entity", thing.name
        name = self._fixed.get(id(thing))
        return None if name is None else ("fixed", name)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, fixed: Mapping[str, object]) -> None:
        super().__init__(file)
        self._fixed = fixed

    def persistent_load(self, told: Any) -> object:
        kind, which = told
        if kind == "lock":
            return MAKERS[which]()
        return SCHEMA[which] if kind == "entity" else self._fixed[which]
