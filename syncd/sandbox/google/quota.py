"""Calls per minute and user, counted in Google's four families, and the separate count of full syncs per day."""

from __future__ import annotations

from syncd.sandbox.google.problems import SERVICE, ApiError, error_info
from syncd.sandbox.google.switches import Switches

PROJECT = "737087378495"
READ, WRITE = "critical_read", "critical_write"
GROUP_READ, GROUP_WRITE = "read", "write"
_FAMILIES = {
    READ: ("Critical read requests (Contact and Profile Reads)", "CriticalReadsPerMinutePerProjectPerUser"),
    WRITE: ("Critical write requests (Contact and Profile Writes)", "CriticalWritesPerMinutePerProjectPerUser"),
    GROUP_READ: ("Read requests", "ReadsPerMinutePerProjectPerUser"),
    GROUP_WRITE: ("Write requests", "WritesPerMinutePerProjectPerUser"),
}
_DAY = 86400.0


class Meter:
    """What one user has used up; minutes are those of the server's clock."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._minute = -1
        self._used: dict[str, int] = {}
        self._full_syncs: list[float] = []

    def _limit(self, family: str) -> int | None:
        s = self._switches
        limits = {
            READ: s.reads_per_minute,
            WRITE: s.writes_per_minute,
            GROUP_READ: s.group_reads_per_minute,
            GROUP_WRITE: s.group_writes_per_minute,
        }
        return limits[family]

    def charge(self, families: tuple[str, ...], now: float) -> None:
        """Count one call in each family, or raise 429 and count it in none."""
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._used = minute, {}
        for family in families:
            limit = self._limit(family)
            if limit is not None and self._used.get(family, 0) >= limit:
                raise exceeded(family)
        for family in families:
            self._used[family] = self._used.get(family, 0) + 1

    def full_sync(self, now: float) -> None:
        """Count the first page of a full sync."""
        limit = self._switches.full_syncs_per_day
        self._full_syncs = [at for at in self._full_syncs if now - at < _DAY]
        if limit is not None and len(self._full_syncs) >= limit:
            raise ApiError(429, "RESOURCE_EXHAUSTED", "Sync quota exceeded.")
        self._full_syncs.append(now)


def exceeded(family: str) -> ApiError:
    """The 429 of a used-up minute. It comes without Retry-After."""
    title, limit = _FAMILIES[family]
    text = (
        f"Quota exceeded for quota metric '{title}' and limit '{title} per minute per user' of service '{SERVICE}' "
        f"for consumer 'project_number:{PROJECT}'."
    )
    metadata = {
        "quota_limit": limit,
        "service": SERVICE,
        "quota_metric": f"{SERVICE}/{family}_requests",
        "consumer": f"projects/{PROJECT}",
    }
    return ApiError(429, "RESOURCE_EXHAUSTED", text, [error_info("RATE_LIMIT_EXCEEDED", "googleapis.com", metadata)])
