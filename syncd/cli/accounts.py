"""`syncd connect` and `syncd disconnect`: Google accounts come and go."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.codes import Exit
from syncd.cli.invocation import Invocation, json_option, known_accounts
from syncd.cli.render import cell, json_line, say

if TYPE_CHECKING:
    from syncd.app import App

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("connect")
@click.argument("account")
@click.option("--no-browser", is_flag=True, help="Print the address; take the redirect also from standard input.")
@click.option("--credentials", type=FILE, help="Take over an authorised-user file instead of asking the user.")
@click.option("--service-account", type=FILE, help="Use a service account with domain-wide delegation.")
@click.option("--subject", metavar="EMAIL", help="The user whom the service account acts for.")
@json_option
@click.pass_obj
def connect_command(
    invocation: Invocation,
    account: str,
    no_browser: bool,  # noqa: FBT001  click's way
    credentials: Path | None,
    service_account: Path | None,
    subject: str | None,
    as_json: bool,  # noqa: FBT001  click's way
) -> int:
    """Connect an account with Google.

    Its user grants access once, in the browser; other ways are the options.
    """
    if credentials and service_account:
        raise click.UsageError("Say either --credentials or --service-account.")
    if bool(service_account) != bool(subject):
        raise click.UsageError("--service-account and --subject belong together.")
    config = invocation.load()
    known_accounts(config, [account])
    with invocation.app(config) as app:
        if credentials:
            identity = app.connector(account).import_credentials(credentials)
        elif service_account:
            identity = app.connector(account).service_account(service_account, subject or "")
        else:
            identity = _consent(app, account, browser=not no_browser, as_json=as_json)
    _show({"account": account, **(identity or {})}, f"{account} is connected", as_json=as_json)
    return Exit.OK


def _consent(app: App, account: str, *, browser: bool, as_json: bool) -> dict[str, Any]:
    from syncd.onboarding.consent import obtain

    def send(url: str) -> None:
        if browser and _opened(url):
            say("Your browser shows Google's consent page. If it does not, open this address:")
        else:
            say("Open this address in a browser and grant access:")
        click.echo(f"\n  {url}\n", err=True)
        if not browser:
            say("If the browser is on another machine, it ends at a page that does not load. Paste its address here:")
            if as_json:
                json_line({"account": account, "url": url})

    return obtain(app.connector(account), send, None if browser else sys.stdin, say)


def _opened(url: str) -> bool:
    import webbrowser

    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


@click.command("disconnect")
@click.argument("account")
@json_option
@click.pass_obj
def disconnect_command(invocation: Invocation, account: str, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Give the grant back to Google and forget it. Every contact stays where it is."""
    config = invocation.load()
    known_accounts(config, [account])
    with invocation.app(config) as app:
        result = app.disconnect(account)
    _show({"account": account, **(result or {})}, f"{account} is disconnected; every contact stays", as_json=as_json)
    return Exit.OK


def _show(row: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        return json_line(row)
    rest = ", ".join(f"{key} {cell(value)}" for key, value in row.items() if key != "account" and value)
    click.echo(f"{cell(sentence)}" + (f" ({rest})" if rest else ""))
