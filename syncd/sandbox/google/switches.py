"""Every fact about Google that is contested or only inferred, as a switch. The defaults are the stricter reading.

Delays are seconds of the server's clock, limits are counts; `None` means "no limit".
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Switches:
    """Turned at any time, by code or over `/_sandbox/switches`; takes effect with the next request."""

    # Time
    stale_reads: float = 0.0  # get, batchGet and plain lists show the state of this long ago
    propagation_delay: float = 0.0  # lists with sync tokens show the state of this long ago; nothing is lost
    group_visibility_delay: float = 0.0  # a younger group is unknown to contact writes
    stale_groups: float = 0.0  # contactGroups.get and batchGet show the state of this long ago
    mutate_latency: float = 0.0  # REAL seconds every write takes, so that overlapping writes can be caught
    overlap_rejected: float = 0.0  # share of overlapping writes of one user that are refused
    overlap_status: int = 409  # ... with 409 ABORTED or 503 UNAVAILABLE

    # Etags and versions
    list_etag_rejected: bool = False  # an etag minted by connections.list is refused in updates
    noop_update_bumps: bool = True  # an update that changes nothing still makes a new version
    missing_etag_status: str = "INVALID_ARGUMENT"  # updateContact; the alternative is FAILED_PRECONDITION
    missing_etag_batch_status: str = "FAILED_PRECONDITION"

    # Labels
    members_modify_bumps: bool = True  # a membership change makes a new etag and updateTime of the person
    label_changes_in_delta: bool = True  # ... and shows in the next delta
    group_names_fold_case: bool = True  # "Crm" and "crm" are the same group name
    hide_legacy_groups: bool = False  # contactGroups.list leaves out groups marked as legacy
    all_counts_trash: bool = True  # contactGroups/all counts contacts in the trash
    create_adds_my_contacts: bool = False  # a create that names labels lands in myContacts as well

    # Sync tokens
    token_lifetime: float = 7 * 86400.0
    expired_status: str = "FAILED_PRECONDITION"  # or INVALID_ARGUMENT
    expired_code: int = 400  # some clients expect 410
    page_size_bound: bool = True  # a sync token is refused with another pageSize
    empty_pages: bool = False  # a chain of pages begins with an empty page
    overlap_pages: int = 0  # each page repeats so many persons of the page before
    full_syncs_per_day: int | None = None  # first pages of full syncs, a quota of its own

    # Content
    shuffled_items: bool = True  # items of a field come in another order with each version
    strip_values: bool = True  # strings are stripped and empty items dropped
    dedupe_values: bool = False  # equal items of one field become one
    split_unstructured: bool = True  # a name with only unstructuredName is split into parts
    fill_country: bool = False  # country and countryCode complete each other
    org_dates_500: bool = True  # organizations with startDate or endDate end in a 500
    calendar_urls_update_fails: bool = False
    profile_items_ignored: bool = False  # a second name that came from a profile does not count as a second name
    region: str = "US"  # where a phone number without country code belongs; per user with `User.region`

    # Limits
    reads_per_minute: int | None = None  # "critical" reads: get, batchGet, list, search and the read after a write
    writes_per_minute: int | None = None
    group_reads_per_minute: int | None = None
    group_writes_per_minute: int | None = None
    contact_cap: int = 25_000  # including the trash
    cap_status: str = "FAILED_PRECONDITION"
    cap_code: int = 400
    batch_delete_unknown_404: bool = True  # one unknown name fails the whole batchDelete; else it is skipped

    # Answers
    api_disabled: bool = False  # 403 SERVICE_DISABLED for everything
    legacy_errors_list: bool = False  # error bodies carry `errors[]` as well
    gzip: bool = True

    # Sign-in
    access_token_lifetime: int = 3599
    testing_app: bool = False  # refresh tokens die after 7 days
    rotated_after: int = 100  # live refresh tokens per user and client; one more kills the oldest
    delegation: dict[str, list[str]] = field(default_factory=dict)  # user, or "*" -> scopes a service account may ask

    def turn(self, changes: dict[str, Any]) -> None:
        """Set switches by name. Raises KeyError for an unknown name, before anything is set."""
        known = {f.name for f in dataclasses.fields(self)}
        unknown = changes.keys() - known
        if unknown:
            raise KeyError(", ".join(sorted(unknown)))
        for name, value in changes.items():
            setattr(self, name, value)
