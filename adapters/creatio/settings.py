"""How one Creatio is reached and how syncd is to treat it: what the operator decides, checked elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class CreatioSettings:
    """One CRM login.

    `url` is the site's root. `runtime` says where the OData service lies (`auto` tries both). `token_url` is the
    Identity Service's `/connect/token`, by default that of the site. `company` says what becomes of a company that has
    no account of its name: `link` leaves it out, `create` makes the account, `text` writes it to `company_column`.
    `owner` (full name, e-mail or id) owns the contacts made here, in place of the tag's owner.
    """

    url: str
    runtime: Literal["framework", "core", "auto"] = "auto"
    auth: Literal["forms", "oauth"] = "forms"
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    token_url: str = ""
    tags: Literal["classic", "universal"] = "classic"
    company: Literal["link", "create", "text"] = "link"
    company_column: str = ""
    owner: str = ""

    @property
    def root(self) -> str:
        return self.url.rstrip("/")
