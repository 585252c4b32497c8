"""What a killed daemon had leased: free at once for its successor, and lost for good to whoever held it."""

from __future__ import annotations

import pytest

from syncd.core.errors import LeaseLost
from tests.state.world import GOOGLE, NOW, World


def test_freed_lease_is_taken_at_once(world: World) -> None:
    """The successor does not wait for the end of a lease whose holder is dead."""
    world.store.free_leases()
    assert world.store.lease(GOOGLE, "successor", NOW + 300, NOW + 1).owner == "successor"


def test_freed_lease_is_no_longer_good(world: World) -> None:
    """Should its holder live on, it is fenced before anybody else has taken the lease."""
    world.store.free_leases()
    with pytest.raises(LeaseLost):
        world.store.resolve_absent(world.google_lease, {}, NOW)
    with pytest.raises(LeaseLost):
        world.store.renew(world.google_lease, NOW + 600)
