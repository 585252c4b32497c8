"""Worlds for the Creatio adapter: every runtime, mirroring build and kind of `$batch` where it matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.sandbox.creatio import Profile
from tests.adapters.creatio.world import World, make_world


@pytest.fixture
def world() -> World:
    """The strictest likely Creatio."""
    return make_world()


@pytest.fixture
def worlds() -> Callable[..., World]:
    """Makes a world; keywords that are switches of the profile go there, the others are settings."""

    def make(**given: Any) -> World:
        profile = Profile()
        switches = {k: v for k, v in given.items() if hasattr(profile, k)}
        profile.change(switches)
        return make_world(profile, **{k: v for k, v in given.items() if k not in switches})

    return make


SITES = [
    pytest.param(
        {"runtime": runtime, "comm": comm, "batch_get": batch}, id=f"{runtime}-{comm}-{'batch' if batch else 'single'}"
    )
    for comm in ("L", "M", "C")
    for runtime, batch in (("framework", True), ("core", False))
]
"""Each mirroring build, with and without GETs in `$batch`; the runtime moves along, it only changes addresses."""


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest) -> World:
    """A world on each kind of site."""
    profile = Profile()
    profile.change(request.param)
    return make_world(profile)


@pytest.fixture
def bob(site: World) -> str:
    """A contact with something of everything, on each kind of site, read once."""
    site.crm.insert("Account", {"Name": "Acme"})
    contact = site.add(
        emails=["a@x.test", "b@x.test"], phones=[{"type": "mobile", "number": "1"}, {"type": "mobile", "number": "2"}],
        Account="Acme", JobTitle="Boss", addresses=[{"Address": "Main 1", "City": "Berlin"}], Notes="n",
    )  # fmt: skip
    site.pull()
    site.later()
    return contact
