"""How this Creatio is built and configured: one switch per point where real sites differ or nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass
class Profile:
    """The switches. Every client of a Creatio has to work under every value; the defaults are the strictest likely."""

    # the installation
    runtime: Literal["framework", "core"] = "framework"
    comm: Literal["L", "M", "C"] = "L"  # communication mirroring: base, with the Marketing package, common behaviour
    legacy_demotes_primary: bool = False  # L, M: a new row also clears `Primary` of its siblings
    legacy_primary_patch: Literal["flag", "mirror"] = "flag"  # L, M: what PATCH Primary=true does beyond storing it
    name_order: Literal["first_middle_last", "last_first_middle"] = "first_middle_last"
    db_fraction: Literal[6, 7] = 6
    guid_order: Literal["mssql", "lexical"] = "mssql"
    collation: Literal["ci", "cs"] = "ci"
    node_skew: tuple[float, ...] = (0.0,)  # seconds by which each application server's clock is off; taken in turn
    seed: int = 20261122  # of the order of unordered results and of the ids the server makes

    # sign-in
    csrf: bool = True
    late_csrf: bool = False
    session_idle: float = 1800.0
    token_ttl: int = 3600
    lockout_after: int = 0  # failed logins before the user is locked; 0 = never
    bearer_challenge: bool = True

    # rights
    deny_read: Literal["emptyList", "403"] = "emptyList"
    no_odata: Literal["403", "html403", "html200"] = "403"
    denied_write_status: Literal[403, 500] = 403
    foreign_private_tags: bool = True  # "View any data" shows other people's private tags
    system_tables: bool = True  # SysAdminUnit can be read

    # queries
    flat_fk: Literal["error500", "bpmsoft"] = "error500"
    nested_expand: Literal["400", "ok"] = "400"
    reverse_expand: bool = True
    expand_null: Literal["null", "omit"] = "null"
    nav_date_filter: bool = True
    select_what_you_filter: Literal["off", "warn", "error"] = "warn"
    max_rows: int = 20000
    next_link: bool = False
    count_bom: bool = True
    shuffle: bool = True

    # refusals whose status is not known for sure
    patch_missing_status: Literal[404, 204, 500] = 404
    duplicate_id_status: Literal[500, 400, 409] = 500
    validation_status: Literal[500, 400] = 500  # too long, required and blank
    fk_status: Literal[500, 400] = 500
    bad_key_status: Literal[404, 400] = 404
    bad_body_status: Literal[415, 400] = 415
    unsupported_filter_status: Literal[400, 500, 501] = 400
    cancelled_duplicate: Literal["201", "400", "500"] = "201"  # C: the answer to a POST that was silently cancelled
    noop_patch_bumps: bool = False
    post_save_bump: float = 0.0  # seconds a later process adds to ModifiedOn of a contact just inserted

    # $batch
    batch_get: bool = True
    batch_get_refusal: Literal["part", "whole"] = "part"
    batch_part_type: Literal["required", "lenient"] = "required"  # parts with a body carry their own Content-Type
    failed_group: Literal["only_failed", "424"] = "only_failed"
    batch_limit: int = 100

    # limits and time
    max_url: int = 4096
    max_query: int = 2048
    daily_calls: int = 0  # per user; 0 = no cap
    daily_status: Literal[429, 403] = 429
    batch_parts_count: bool = False  # each part of a batch counts as a call
    late_commit: float = 0.0  # seconds between the stamp of a CRM user's save and its commit
    latency: float = 0.0  # real seconds each OData request holds its session

    def change(self, values: Mapping[str, Any]) -> None:
        """Set switches by name. ValueError on an unknown name or a value outside the choices; then nothing changed."""
        hints = get_type_hints(type(self))
        known = {f.name for f in fields(self)}
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"no switch {name!r}")
            checked[name] = _checked(name, value, hints[name])
        for name, value in checked.items():
            setattr(self, name, value)


def _checked(name: str, value: Any, hint: Any) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"{name} is one of {get_args(hint)}")
        return value
    if get_origin(hint) is tuple:
        return tuple(float(v) for v in value)
    if hint is bool and not isinstance(value, bool):
        raise ValueError(f"{name} is true or false")
    return hint(value)
