"""What may stand in the configuration, section by section, with the defaults. Rules between keys are in `rules.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic import ValidationInfo as Info

from syncd.config.values import (
    Duration,
    ExistingFile,
    KeyPlace,
    SecretPlace,
    Text,
    WebAddress,
    WholeNumber,
    resolved,
    surroundings,
    wrong,
)
from syncd.core.contact import Side
from syncd.core.policy import CompanyRule, ConflictRule, FirstLink, Flow, Rule

GOOGLE_API = "https://people.googleapis.com"
DEFAULT_GROUP = "Creatio"


class Section(BaseModel):
    """A table of the file: unknown keys are problems, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Runtime(StrEnum):
    """Which of the two Creatio platforms serves the CRM; their paths differ."""

    AUTO = "auto"
    FRAMEWORK = "framework"
    CORE = "core"


class Auth(StrEnum):
    """How syncd signs in to the CRM."""

    OAUTH = "oauth"
    FORMS = "forms"


class Kind(StrEnum):
    """Which CRM it is."""

    CREATIO = "creatio"


class Tags(StrEnum):
    """Which of Creatio's tag tables to use: a table per object, or one for all."""

    CLASSIC = "classic"
    UNIVERSAL = "universal"


class FirstSync(StrEnum):
    """Whether the first plan waits for a person."""

    AUTO = "auto"
    REVIEW = "review"


class Direction(StrEnum):
    """Which way an account's values go."""

    BOTH = "both"
    TO_CRM = "to_crm"
    TO_GOOGLE = "to_google"


# ---------------------------------------------------------------------------------------------- the machine


def _state_url(value: str, info: Info) -> str:
    scheme, found, rest = value.partition("://")
    if not found or scheme not in ("sqlite", "postgresql+psycopg"):
        raise wrong("is not a database syncd knows", '"sqlite:///syncd.db" or "postgresql+psycopg://…"')
    if scheme != "sqlite":
        return value
    path, mark, query = rest.removeprefix("/").partition("?")
    if not rest.startswith("/") or not path or path == ":memory:":
        raise wrong("must name a file", '"sqlite:///syncd.db", or with an absolute path "sqlite:////var/lib/…"')
    return f"sqlite:///{resolved(path, surroundings(info).state_folder)}{mark}{query}"


class State(Section):
    """Where syncd remembers. `url` is absolute after loading."""

    url: Annotated[Text, AfterValidator(_state_url)] = Field("sqlite:///syncd.db", repr=False, validate_default=True)
    key: KeyPlace = Field({"file": "syncd.key"}, validate_default=True)


class Daemon(Section):
    """When runs start, and how many at once."""

    interval: Duration = 300.0
    workers: Annotated[WholeNumber, Field(ge=1, le=64)] = 8


class Google(Section):
    """The OAuth clients that users grant access to, and where the People API is."""

    client_secrets: ExistingFile | None = None
    web_client_secrets: ExistingFile | None = None
    api_endpoint: WebAddress = GOOGLE_API


class Crm(Section):
    """One login to one CRM."""

    kind: Kind
    url: WebAddress
    runtime: Runtime = Runtime.AUTO
    auth: Auth = Auth.OAUTH
    token_url: WebAddress = ""
    client_id: Text = ""
    client_secret: SecretPlace | None = None
    username: Text = ""
    password: SecretPlace | None = None
    tags: Tags = Tags.CLASSIC


# ---------------------------------------------------------------------------------------------- accounts


class Limit(Section):
    """How much one run may do without being asked: more than `count` and more than `share` of all is too much."""

    count: Annotated[WholeNumber, Field(ge=0)] = 10
    share: Annotated[float, Field(ge=0, le=1, strict=True)] = 0.10


class ChangedLimit(Limit):
    """As a limit; changes are more usual than departures."""

    share: Annotated[float, Field(ge=0, le=1, strict=True)] = 0.50


class Limits(Section):
    """The brake of one account."""

    leavers: Limit = Limit()
    changed: ChangedLimit = ChangedLimit()
    emptied: Limit = Limit()


# The repeated fields of the People API that hold plain texts and that syncd does not use for anything else.
PLAIN_GOOGLE_FIELDS = (
    "nicknames",
    "occupations",
    "interests",
    "skills",
    "locations",
    "fileAses",
    "sipAddresses",
    "externalIds",
    "miscKeywords",
    "locales",
)
USER_DEFINED = "userDefined:"


def _crm_column(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value):
        raise wrong("is not the name of a column", 'write its code, like "UsrLoyalty"')
    if value in ("Id", "CreatedOn", "ModifiedOn"):
        raise wrong("cannot be mapped: the CRM itself writes this column")
    return value


def _google_slot(value: str) -> str:
    key = value.removeprefix(USER_DEFINED)
    if (key != value and key.strip()) or value in PLAIN_GOOGLE_FIELDS:
        return value
    listed = ", ".join(f'"{name}"' for name in PLAIN_GOOGLE_FIELDS)
    raise wrong("is not a Google field that can be mapped", f'"userDefined:Label", or one of {listed}')


class MapRow(Section):
    """One CRM column and the Google field it is kept in step with, besides the default map."""

    crm: Annotated[Text, AfterValidator(_crm_column)]
    google: Annotated[Text, AfterValidator(_google_slot)]
    direction: Flow = Flow.BOTH
    rule: Rule = Rule.REPLACE


class Pair(Section):
    """One tag and the group it is kept in step with."""

    tag: Text
    group: Text = DEFAULT_GROUP


def _region(value: str) -> str:
    better = {"UK": "GB", "EN": "GB"}.get(value.upper(), value.upper())
    if better not in SUPPORTED_REGIONS:
        raise wrong("is not a region", 'the two letters of a country, like "US" or "DE"')
    if better != value:
        raise wrong("is not a region", f'did you mean "{better}"?')
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise wrong("is not an e-mail address", 'the address the user signs in to Google with: "anna@example.com"')
    return value


class Account(Section):
    """One user's pairing of a CRM login and a Google account."""

    crm: Text
    google: Annotated[Text, AfterValidator(_email)] = ""
    tag: Text = ""
    group: Text = DEFAULT_GROUP
    listed_pairs: Annotated[tuple[Pair, ...], Field(min_length=1)] | None = Field(None, alias="pairs")
    tag_owner: Text = ""
    owner: Text = ""
    region: Annotated[Text, AfterValidator(_region)] = ""
    first_sync: FirstSync = FirstSync.AUTO
    first_link: FirstLink = FirstLink.CRM
    conflict: ConflictRule = ConflictRule.FIELD
    tie: Side = Side.CRM
    direction: Direction = Direction.BOTH
    company: CompanyRule = CompanyRule.LINK
    company_column: Annotated[Text, AfterValidator(_crm_column)] = ""
    full_every: Duration = 86400.0
    limits: Limits = Limits()
    map: tuple[MapRow, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of tag and group, however they were written; never empty in a configuration that was loaded."""
        if self.listed_pairs:
            return self.listed_pairs
        return (Pair(tag=self.tag, group=self.group),) if self.tag else ()


Table = Mapping[str, Any]


class File(Section):
    """The whole file. The tables at the end belong to parts that check them themselves."""

    state: State = Field(default_factory=dict, validate_default=True)
    daemon: Daemon = Daemon()
    google: Google = Google()
    crm: Mapping[str, Crm] = {}
    account: Mapping[str, Account] = {}
    console: Table | None = Field(None, repr=False)
    mail: Table | None = Field(None, repr=False)
    fleet: Table | None = Field(None, repr=False)
    backup: Table | None = Field(None, repr=False)
    export: Mapping[str, Table] = Field({}, repr=False)
    import_: Mapping[str, Table] = Field({}, repr=False, alias="import")
