"""The two lock files: complete, hashed, without an address, and the one contained in the other."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tooling.conftest import CHECKOUT

LOCKS = ("requirements.lock", "requirements-dev.lock")
RENEW = "renew the locks as CONTRIBUTING.md says"


def pins(lock: str) -> dict[str, str]:
    """Return what a lock pins: name to version."""
    text = (CHECKOUT / lock).read_text()
    return {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^ ;\\]+)", text, re.MULTILINE)
    }


def wanted(*, dev: bool) -> list[Requirement]:
    """Return what pyproject.toml asks for."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]["dev"] if dev else []
    return [Requirement(text) for text in (*project["project"]["dependencies"], *groups)]


@pytest.mark.parametrize(("lock", "dev"), [("requirements.lock", False), ("requirements-dev.lock", True)])
def test_lock_has_what_the_project_asks_for(lock: str, dev: bool) -> None:
    """A dependency that was added or raised is in the lock."""
    pinned = pins(lock)
    stale = [
        str(want)
        for want in wanted(dev=dev)
        if not want.specifier.contains(pinned.get(canonicalize_name(want.name), "0"))
    ]
    assert stale == [], RENEW


def test_development_lock_contains_the_other() -> None:
    """bin/test and bin/syncd share an environment, so they must agree on every version."""
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items(), RENEW


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_address(lock: str) -> None:
    """Where packages come from is the machine's business, not the repository's."""
    assert re.findall(r"https?://|file:|--index|--find-links|--extra", (CHECKOUT / lock).read_text()) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    """pip can refuse a file that is not the one that was locked."""
    entries = re.split(r"^(?=[\w.-]+==)", (CHECKOUT / lock).read_text(), flags=re.MULTILINE)
    assert [entry.split()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry] == []
