"""What holds for every test: how Hypothesis searches, and that CI skips nothing for want of a program."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator

CI = os.environ.get("SYNCD_CI") == "1"

# On a busy machine a deadline and a complaint about slowness are clocks. CI always tries the same examples.
settings.register_profile(
    "syncd", deadline=None, derandomize=CI, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("syncd")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip for want of systemd or PostgreSQL into a failure where CI must have both."""
    report = yield
    wants = [name for name in ("systemd", "postgres") if item.get_closest_marker(name)]
    if CI and wants and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but CI must have {' and '.join(wants)}: {report.longrepr}"
    return report
