"""A world of its own for every test: two sandbox servers, a configuration, and a daemon that is a real process."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.dress import Dress, six, two
from tests.e2e.nursery import Nursery
from tests.e2e.world import World


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "every_dress: runs in all six builds of the CRM")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test two of the six dresses, those marked `every_dress` all of them."""
    if "dress" in metafunc.fixturenames:
        whole = metafunc.definition.get_closest_marker("every_dress") is not None
        metafunc.parametrize("dress", six() if whole else two(metafunc.function.__name__), ids=str)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that starts syncd processes."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def fresh_state(nursery: Nursery) -> Iterator[Path]:
    """A state as syncd makes it on its first start, to begin every world with."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-"))
    with World(folder, nursery=nursery) as world:
        world.open_app().close()
    yield folder
    shutil.rmtree(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed test's daemon log with it."""
    report = yield
    if report.failed and report.when == "call":
        for world in item.stash.get(WORLDS, []):
            report.sections.append((f"daemon log of {world.folder}", world.daemon_log()[-6000:]))
    return report


WORLDS = pytest.StashKey[list[World]]()
Opener = Callable[..., World]


@pytest.fixture
def open_world(dress: Dress, nursery: Nursery, fresh_state: Path, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens worlds in this test's dress; see `World`. They are gone after the test."""
    worlds = request.node.stash[WORLDS] = []
    with contextlib.ExitStack() as stack:

        def opened(*, start: bool = True, settled: bool = True, **how: Any) -> World:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-")))
            shutil.copy(fresh_state / "syncd.db", folder / "syncd.db")
            shutil.copytree(fresh_state / "keys", folder / "keys")
            profile = how.pop("profile", dress.profile)
            made = World(folder, profile=profile, auth=dress.auth, nursery=nursery, **how)
            world = stack.enter_context(made)
            worlds.append(world)
            if start:
                world.begin(settled=settled)
            return world

        yield opened


@pytest.fixture
def world(open_world: Opener) -> World:
    """Anna alone: connected, her empty group made, the daemon running."""
    return open_world()
