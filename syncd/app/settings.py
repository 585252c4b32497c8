"""From the configuration's words to the engine's: an account's settings, and the fingerprint of what may not drift."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from syncd.config import Account, Config
from syncd.core.contact import AccountName, Capabilities, Side
from syncd.core.policy import CompanyRule, ConflictRule, FirstLink, Flow, Lens, Limit, Limits, MapRow, Rule
from syncd.core.ports import ScopeWish
from syncd.engine.run import Settings

HOME_REGION = "US"
"""The region of phone numbers where the operator named none."""


def settings_of(config: Config, name: AccountName, crm: Capabilities, google: Capabilities) -> Settings:
    """What the engine has to know of this account."""
    account = config.accounts[name]
    rows = tuple(MapRow(r.crm, r.google, Flow(r.direction), Rule(r.rule)) for r in account.map)
    limits = account.limits
    return Settings(
        name=name,
        tenant=config.crms[account.crm].url,
        pairs=tuple((ScopeWish(p.tag, account.tag_owner or ""), ScopeWish(p.group)) for p in account.pairs),
        lens=Lens(account.region or HOME_REGION, crm, google, rows),
        limits=Limits(*(Limit(x.count, x.share) for x in (limits.leavers, limits.changed, limits.emptied))),
        policy={
            "first_link": FirstLink(account.first_link),
            "conflict": ConflictRule(account.conflict),
            "tie": Side(account.tie),
            "direction": Flow(account.direction),
            "company": CompanyRule(account.company),
        },
        review_first=account.first_sync == "review",
        full_every=account.full_every,
        owner=account.owner or account.tag_owner or "",
        custom_crm=tuple(dict.fromkeys(r.crm for r in account.map)),
        custom_google=tuple(dict.fromkeys(r.google for r in account.map)),
        fingerprint=fingerprint(config, account),
    )


def fingerprint(config: Config, account: Account) -> str:
    """A hash of what turns a sync into another sync: a change of it holds the next plan for review."""
    facts: dict[str, Any] = {
        "crm": config.crms[account.crm].url.rstrip("/").lower(),
        "pairs": [[p.tag, p.group] for p in account.pairs],
        "tag_owner": account.tag_owner,
        "owner": account.owner,
        "direction": account.direction,
        "conflict": account.conflict,
        "company": [account.company, account.company_column],
        "region": account.region,
        "map": [[r.crm, r.google, r.direction, r.rule] for r in account.map],
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()
