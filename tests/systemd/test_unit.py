"""The unit file as systemd reads it, without starting it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "syncd.service"

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"),
]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists on this machine."""
    text = re.sub(r"^(Exec(?:Start|StartPre|Reload)=)/\S+", r"\1/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    (tmp_path / "syncd.service").write_text(text)
    return tmp_path / "syncd.service"


def test_the_exposure_is_at_most_1_1(unit: Path) -> None:
    """What the unit takes away from the service is worth the best mark that a network client can get."""
    done = analyze("security", "--offline=yes", "--threshold=11", "--no-pager", unit)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_a_unit_with_less_hardening_would_be_seen(unit: Path) -> None:
    """The threshold bites: without three of the lines the same question fails."""
    text = unit.read_text()
    for line in ("CapabilityBoundingSet=\n", "SystemCallFilter=@system-service\n", "PrivateDevices=yes\n"):
        assert line in text
        text = text.replace(line, "")
    unit.write_text(text)
    assert analyze("security", "--offline=yes", "--threshold=11", "--no-pager", unit).returncode != 0


def test_systemd_understands_every_line(unit: Path) -> None:
    """An unknown key is only grumbled about, so what it says about this unit counts."""
    done = analyze("verify", "--man=no", unit)
    assert "syncd.service" not in done.stderr + done.stdout
    assert done.returncode == 0, done.stderr
