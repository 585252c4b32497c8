"""`syncd init`: a commented configuration from a few questions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click

from syncd.cli.codes import Exit
from syncd.cli.invocation import Invocation, json_option
from syncd.cli.render import json_line, say

TEMPLATE = """\
# syncd keeps contacts of a CRM and Google Contacts in step. `syncd check` checks this file.
# Relative paths start at this file. Secrets stand in files of their own (chmod 0400), never here.

[state]
url = "sqlite:///syncd.db"          # or postgresql+psycopg://user@host/syncd
key = {{ file = "syncd.key" }}        # seals the stored tokens; made on first use (or {{ credential = "master.key" }})

[daemon]
interval = "5m"                     # how often changes are looked for
workers = 8                         # how many accounts at once

[google]
# The OAuth client of type "Desktop app", downloaded from https://console.cloud.google.com/auth/clients
client_secrets = "client_secret.json"

[crm.{crm}]
kind = "creatio"
url = {url}
runtime = "auto"                    # framework | core | auto
{sign_in}
[account.{account}]
crm = {crm_text}
{google}tag = {tag}                      # contacts that carry this private tag are kept in step …
{tag_owner}group = {group}                   # … with the members of this Google group
{region}# first_sync = "auto"               # "review": the first plan waits for `syncd approve`
# first_link = "crm"                # whose value stays when both records have one: crm | google | later
# conflict = "field"                # the later edit wins by field, or by whole "record" as Creatio did it
# direction = "both"                # both | to_crm | to_google
# company = "link"                  # a company the CRM does not know: link | create | text (with company_column)
# full_every = "1d"                 # how often everything is read

# [account.{account}.limits]            # a run that would do more waits for `syncd approve`
# leavers = {{ count = 10, share = 0.10 }}
# changed = {{ count = 10, share = 0.50 }}
# emptied = {{ count = 10, share = 0.10 }}

# [[account.{account}.map]]             # further columns
# crm = "UsrLoyalty"
# google = "userDefined:Loyalty"
# direction = "to_google"           # both | to_crm | to_google | first_time
# rule = "replace"                  # replace | fill_empty
"""
OAUTH = """\
auth = "oauth"                      # or "forms", with username and password
token_url = {token_url}
client_id = {client_id}
client_secret = {{ file = "creatio.secret" }}
"""
FORMS = """\
auth = "forms"                      # or "oauth", with token_url, client_id and client_secret
username = {username}
password = {{ file = "creatio.secret" }}
"""
DEFAULTS = {
    "url": "https://acme.creatio.com",
    "auth": "oauth",
    "token_url": "https://acme-is.creatio.com/connect/token",
    "client_id": "",
    "username": "Supervisor",
    "account": "anna",
    "google": "",
    "tag": "Google",
    "tag_owner": "",
    "group": "Creatio",
    "region": "",
}


@click.command("init")
@click.option("--defaults", is_flag=True, help="Ask nothing; write the examples.")
@json_option
@click.pass_obj
def init_command(invocation: Invocation, defaults: bool, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Write a commented configuration file.

    It asks a few questions, and never overwrites a file.
    """
    path = (invocation.config_path or Path(os.environ.get("SYNCD_CONFIG") or "syncd.toml")).absolute()
    if path.exists():
        raise click.ClickException(f"{path} is already there and is left as it is.")
    text = written(DEFAULTS if defaults else _answers())
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as exc:
        raise click.ClickException(f"{path} cannot be written: {exc.strerror}") from exc
    if as_json:
        json_line({"path": str(path)})
    else:
        click.echo(f"Wrote {path}.")
    say("Next: put the secrets it names into their files (chmod 0400), then run `syncd check`.")
    return Exit.OK


def written(answers: dict[str, str]) -> str:
    """The configuration for these answers."""
    quoted = {key: _quoted(value) for key, value in answers.items()}
    host = answers["url"].partition("://")[2].partition("/")[0].partition(":")[0]
    crm = host.partition(".")[0] if host.partition(".")[0].replace("-", "").isalnum() else "crm"
    crm = "crm" if crm.isdigit() else crm
    region = quoted["region"] if answers["region"] else '"US"'
    return TEMPLATE.format(
        crm=crm,
        crm_text=_quoted(crm),
        url=quoted["url"],
        sign_in=(OAUTH if answers["auth"] == "oauth" else FORMS).format(**quoted),
        account=_key(answers["account"]),
        google=_optional("google", quoted["google"], '"anna@example.com"', "the user's Google address"),
        tag=quoted["tag"],
        tag_owner=_optional("tag_owner", quoted["tag_owner"], '"Anna Lee"', "the CRM user whose tag it is"),
        group=quoted["group"],
        region=_optional("region", region if answers["region"] else '""', region, "the country of numbers without +"),
    )


def _optional(key: str, value: str, example: str, comment: str) -> str:
    """A line for an answer that may have been left out: then it is an example behind a comment sign."""
    text = f"{key} = {value}" if value != '""' else f"# {key} = {example}"
    return f"{text:<35} # {comment}\n"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isalnum() and plain.isascii() else _quoted(name)


def _answers() -> dict[str, str]:
    """The operator's answers. Prompts go to standard error."""
    given = dict(DEFAULTS)
    given["url"] = _ask("Address of the CRM", DEFAULTS["url"], _address)
    given["auth"] = _ask("Sign in to it with (oauth, forms)", "oauth", _one_of("oauth", "forms"))
    if given["auth"] == "oauth":
        host = given["url"].partition("://")[2]
        name, _, domain = host.partition(".")
        likely = (
            f"https://{name}-is.{domain}/connect/token" if domain == "creatio.com" else f"{given['url']}/connect/token"
        )
        given["token_url"] = _ask("Address that gives its tokens", likely, _address)
        given["client_id"] = _ask("OAuth client id", "", _filled)
    else:
        given["username"] = _ask("User name", DEFAULTS["username"], _filled)
    given["account"] = _ask("A short name for the first user's account", DEFAULTS["account"], _filled)
    given["google"] = _ask("That user's Google address (may be empty)", "", str.strip)
    given["tag"] = _ask("The private tag in the CRM", DEFAULTS["tag"], _filled)
    given["tag_owner"] = _ask("The CRM user whose tag it is (empty: the login itself)", "", str.strip)
    given["group"] = _ask("The group in Google Contacts", DEFAULTS["group"], _filled)
    given["region"] = _ask("Country of phone numbers without + (two letters, may be empty)", "", _country)
    return given


def _ask(question: str, default: str, accept: Callable[[str], str]) -> str:
    return str(click.prompt(question, default=default, value_proc=accept, err=True, show_default=bool(default)))


def _filled(text: str) -> str:
    if not text.strip():
        raise click.UsageError("it must not be empty")
    return text.strip()


def _address(text: str) -> str:
    from pydantic_core import PydanticCustomError

    from syncd.config.values import web_address

    try:
        return web_address(text.strip())
    except PydanticCustomError as exc:
        raise click.UsageError(f"it {exc.message()}") from exc


def _country(text: str) -> str:
    if text.strip() and not (len(text.strip()) == 2 and text.strip().isalpha()):
        raise click.UsageError("two letters, like US or DE")
    return text.strip().upper()


def _one_of(*words: str) -> Callable[[str], str]:
    def accept(text: str) -> str:
        if text.strip().lower() not in words:
            raise click.UsageError(f"one of {', '.join(words)}")
        return text.strip().lower()

    return accept
