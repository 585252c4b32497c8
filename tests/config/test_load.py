"""The configuration: what is accepted, what it becomes, and what is said about every mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path

import pytest

from syncd.config import Config, load
from syncd.core.contact import Side
from syncd.core.errors import ConfigError, Problem
from syncd.core.policy import CompanyRule, ConflictRule, FirstLink, Flow, Rule

CRM = """
[crm.acme]
kind = "creatio"
url = "https://acme.creatio.com/"
token_url = "https://acme-is.creatio.com/connect/token"
client_id = "id"
client_secret = { file = "creatio.secret" }
"""
ANNA = """
[account.anna]
crm = "acme"
tag = "Google"
"""
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes syncd.toml into a folder with the secrets it may name."""
    for name in ("creatio.secret", "client_secret.json"):
        (tmp_path / name).write_text("s3cret\n")
        (tmp_path / name).chmod(0o400)

    def written(text: str) -> Path:
        path = tmp_path / "syncd.toml"
        path.write_text(text)
        return path

    return written


def problems(path: Path | None, environ: dict[str, str] | None = None) -> dict[str, Problem]:
    """The problems of a file that must have some, by key."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return {problem.key: problem for problem in caught.value.problems}


def accepted(path: Path, **environ: str) -> Config:
    """The configuration of a file that has no problems."""
    return load(path, environ)


def test_least_configuration_has_the_documented_defaults(write: Write, tmp_path: Path) -> None:
    """A CRM and an account with a tag are enough; everything else has the default of the manual."""
    config = accepted(write(CRM + ANNA))
    anna = config.accounts["anna"]
    assert (anna.first_sync, anna.first_link, anna.conflict) == ("auto", FirstLink.CRM, ConflictRule.FIELD)
    assert (anna.tie, anna.direction, anna.company, anna.full_every) == (Side.CRM, "both", CompanyRule.LINK, 86400)
    assert [(pair.tag, pair.group) for pair in anna.pairs] == [("Google", "Creatio")]
    assert (anna.limits.leavers.count, anna.limits.leavers.share, anna.limits.changed.share) == (10, 0.10, 0.50)
    assert (config.daemon.interval, config.daemon.workers) == (300, 8)
    assert config.google.api_endpoint == "https://people.googleapis.com"
    assert config.state.url == f"sqlite:///{tmp_path}/syncd.db"
    assert config.state.key.file == tmp_path / "syncd.key"
    assert config.crms["acme"].url == "https://acme.creatio.com"
    assert (config.crms["acme"].runtime, config.crms["acme"].auth, config.crms["acme"].tags) == (
        "auto",
        "oauth",
        "classic",
    )


def test_everything_the_manual_names_is_accepted(write: Write) -> None:
    """Every key of the manual can stand in one file."""
    text = """
[state]
url = "sqlite:///data/syncd.db"
key = { credential = "master.key" }
[daemon]
interval = "90s"
workers = 2
[google]
client_secrets = "client_secret.json"
web_client_secrets = "client_secret.json"
api_endpoint = "http://127.0.0.1:8080"
[crm.acme]
kind = "creatio"
url = "http://localhost:5000"
runtime = "core"
auth = "forms"
username = "Supervisor"
password = { file = "creatio.secret" }
tags = "universal"
[account.anna]
crm = "acme"
google = "anna@example.com"
tag_owner = "Anna Lee"
owner = "Anna Lee"
pairs = [{ tag = "Google", group = "Creatio" }, { tag = "VIP", group = "VIP" }]
region = "DE"
first_sync = "review"
first_link = "later"
conflict = "record"
tie = "google"
direction = "to_google"
company = "text"
company_column = "UsrCompany"
full_every = "2d"
[account.anna.limits]
leavers = { count = 0, share = 1 }
[[account.anna.map]]
crm = "UsrLoyalty"
google = "userDefined:Loyalty"
direction = "first_time"
rule = "fill_empty"
[console]
port = 8000
[mail]
[fleet]
[backup]
[export.nightly]
folder = "out"
[import.leads]
"""
    config = accepted(write(text))
    anna = config.accounts["anna"]
    assert [pair.tag for pair in anna.pairs] == ["Google", "VIP"]
    assert (anna.map[0].direction, anna.map[0].rule) == (Flow.FIRST_TIME, Rule.FILL_EMPTY)
    assert (anna.limits.leavers.count, anna.limits.leavers.share) == (0, 1.0)
    assert config.tables["export"]["nightly"] == {"folder": "out"}
    assert config.tables["console"] == {"port": 8000}


# key of the problem, what is in the file, a word of the message, a word of the suggestion
MISTAKES = [
    ("deamon", CRM + ANNA + "[deamon]", "section", "daemon"),
    ("account.anna.tagg", CRM + ANNA + 'tagg = "x"', "not a key", '"tag"'),
    ("account.anna.first-link", CRM + ANNA + 'first-link = "crm"', "not a key", "first_link"),
    ("account.anna.zzz", CRM + ANNA + "zzz = 1", "not a key", "there are crm, google"),
    ("crm.acme.client-id", CRM + 'client-id = "x"' + ANNA, "not a key", "client_id"),
    ("account.anna.limits.leaver", CRM + ANNA + "limits = { leaver = {} }", "not a key", "leavers"),
    ("account.anna.limits.leavers.counts", CRM + ANNA + "limits.leavers.counts = 1", "not a key", "count"),
    ("account.anna.map[0].field", CRM + ANNA + '[[account.anna.map]]\nfield = "x"', "not a key", "there are crm"),
    ("account.anna.pairs[0].name", CRM + ANNA + 'pairs = [{ name = "x" }]', "not a key", "there are tag"),
    ("account.anna.conflict", CRM + ANNA + 'conflict = "fields"', '"field" or "record"', '"field"'),
    ("account.anna.first_link", CRM + ANNA + 'first_link = "x"', '"crm", "google" or "later"', ""),
    ("account.anna.tie", CRM + ANNA + 'tie = "later"', '"crm" or "google"', ""),
    ("account.anna.direction", CRM + ANNA + 'direction = "first_time"', '"to_crm"', ""),
    ("account.anna.company", CRM + ANNA + "company = 5", '"link", "create" or "text"', ""),
    ("account.anna.first_sync", CRM + ANNA + 'first_sync = "Review"', '"review"', "did you mean"),
    ("crm.acme.kind", CRM.replace('creatio"\n', 'salesforce"\n', 1) + ANNA, '"creatio"', ""),
    ("crm.acme.runtime", CRM + 'runtime = "net"' + ANNA, '"framework"', ""),
    ("crm.acme.tags", CRM + 'tags = "new"' + ANNA, '"classic" or "universal"', ""),
    ("daemon.interval", CRM + ANNA + "[daemon]\ninterval = 300", "not a duration", '"300s"'),
    ("daemon.interval", CRM + ANNA + '[daemon]\ninterval = "5 minutes"', "not a duration", '"5m"'),
    ("daemon.interval", CRM + ANNA + '[daemon]\ninterval = "0s"', "too short", '"1s"'),
    ("account.anna.full_every", CRM + ANNA + "full_every = true", "not a duration", '"1d"'),
    ("daemon.workers", CRM + ANNA + '[daemon]\nworkers = "8"', "whole number", ""),
    ("daemon.workers", CRM + ANNA + "[daemon]\nworkers = 0", "1 or more", ""),
    ("account.anna.limits.leavers.count", CRM + ANNA + "limits.leavers.count = -1", "0 or more", ""),
    ("account.anna.limits.changed.share", CRM + ANNA + "limits.changed.share = 50", "1.0 or less", ""),
    ("account.anna.limits.changed.share", CRM + ANNA + 'limits.changed.share = "50%"', "number", ""),
    ("account.anna.crm", CRM + ANNA.replace("acme", "acne"), "there is no [crm.acne]", "acme"),
    ("account.anna.crm", CRM + '[account.anna]\ntag = "x"', "required", ""),
    ("account.anna.tag", CRM + '[account.anna]\ncrm = "acme"', "required", 'tag = "Google"'),
    ("account.anna.tag", CRM + ANNA + 'pairs = [{ tag = "x" }]', "beside pairs", "pairs"),
    ("account.anna.group", CRM + ANNA + 'group = "x"\npairs = [{ tag = "x" }]', "beside pairs", "pairs"),
    ("account.anna.tag", CRM + '[account.anna]\ncrm = "acme"\ntag = ""', "empty", ""),
    ("account.anna.tag", CRM + '[account.anna]\ncrm = "acme"\ntag = 5', "text in quotes", ""),
    ("account.anna.pairs", CRM + '[account.anna]\ncrm = "acme"\npairs = []', "empty", ""),
    ("account.anna.pairs[1].tag", CRM + ANNA + 'pairs = [{ tag = "x" }, { tag = "X", group = "b" }]', "already", ""),
    ("account.anna.pairs[1].group", CRM + ANNA + 'pairs = [{ tag = "x" }, { tag = "y" }]', "already", ""),
    ("account.anna.google", CRM + ANNA + 'google = "anna"', "e-mail", "anna@example.com"),
    ("account.anna.region", CRM + ANNA + 'region = "UK"', "region", '"GB"'),
    ("account.anna.region", CRM + ANNA + 'region = "us"', "region", '"US"'),
    ("account.anna.region", CRM + ANNA + 'region = "Germany"', "region", "two letters"),
    ("account.anna.company_column", CRM + ANNA + 'company = "text"', "required", ""),
    ("account.anna.company_column", CRM + ANNA + 'company_column = "UsrX"', "only used", ""),
    ("account.anna.map[0].crm", CRM + ANNA + '[[account.anna.map]]\ngoogle = "nicknames"', "required", ""),
    ("account.anna.map[0].crm", CRM + ANNA + '[[account.anna.map]]\ncrm = "a b"\ngoogle = "nicknames"', "column", ""),
    ("account.anna.map[0].crm", CRM + ANNA + '[[account.anna.map]]\ncrm = "Id"\ngoogle = "nicknames"', "itself", ""),
    ("account.anna.map[0].google", CRM + ANNA + '[[account.anna.map]]\ncrm = "A"\ngoogle = "names"', "mapped", "nick"),
    (
        "account.anna.map[0].google",
        CRM + ANNA + '[[account.anna.map]]\ncrm = "A"\ngoogle = "userDefined:"',
        "mapped",
        "",
    ),
    ("account.anna.map", CRM + ANNA + "map = 5", "list", ""),
    ("account.anna", CRM + "[account]\nanna = 5", "must be a table", "[account.NAME]"),
    ('account."a/b"', CRM + ANNA.replace("anna", '"a/b"'), "not a name", "letters"),
    ("crm", ANNA, "no CRM", "init"),
    ("crm.acme.url", CRM.replace("https://acme.creatio.com/", "http://acme.creatio.com"), "encrypted", "https://"),
    ("crm.acme.url", CRM.replace("https://acme.creatio.com/", "acme.creatio.com"), "not a web address", "https://"),
    ("crm.acme.url", CRM.replace("https://acme.creatio.com/", "https://[x"), "not an address", ""),
    ("crm.acme.url", CRM.replace("https://acme", "https://me:pw@acme", 1), "user name", ""),
    ("google.api_endpoint", CRM + '[google]\napi_endpoint = "http://10.0.0.1"', "encrypted", ""),
    ("crm.acme.token_url", CRM.replace("token_url", "# "), "required", "acme-is.creatio.com/connect/token"),
    ("crm.acme.username", CRM + 'auth = "forms"', 'required with auth = "forms"', ""),
    ("crm.acme.client_secret", CRM.replace('{ file = "creatio.secret" }', '"abc"'), "must not be written", "file ="),
    ("crm.acme.password", CRM + 'password = "hunter2"', "must not be written", "credential"),
    ("crm.acme.client_secret", CRM.replace("file =", "path ="), "file or a credential", "file ="),
    ("crm.acme.client_secret", CRM.replace("creatio.secret", "none.secret"), "does not exist", "relative"),
    ("crm.acme.client_secret", CRM.replace('file = "creatio.secret"', 'credential = "../x"'), "not a path", ""),
    ("crm.acme.client_secret", CRM.replace('"creatio.secret"', "5"), "name in quotes", ""),
    ("google.client_secrets", CRM + '[google]\nclient_secrets = "none.json"', "does not exist", ""),
    ("state.key", CRM + '[state]\nkey = "0123456789"', "must not be written", ""),
    ("state.url", CRM + '[state]\nurl = "mysql://x"', "database", "sqlite:///"),
    ("state.url", CRM + '[state]\nurl = "sqlite://"', "name a file", ""),
    ("state.url", CRM + '[state]\nurl = "sqlite:///:memory:"', "name a file", ""),
    ("backup", "backup = 5\n" + CRM, "table", ""),
]


@pytest.mark.parametrize(("key", "text", "message", "suggestion"), MISTAKES)
def test_mistake_is_named_with_its_key_and_a_way_out(
    write: Write, key: str, text: str, message: str, suggestion: str
) -> None:
    """Every mistake is reported under its dotted key, in plain words, with what to write instead."""
    found = problems(write(text))
    assert key in found, found
    assert message in found[key].message
    assert suggestion in found[key].suggestion


def test_several_mistakes_are_reported_together(write: Write) -> None:
    """Wrong values, unknown keys and broken rules between keys all come in one go."""
    text = CRM.replace("client_id", "client-id") + ANNA.replace("acme", "acne") + 'conflict = "x"\ngroup = 5\n[demon]'
    assert set(problems(write(text))) == {
        "crm.acme.client-id",
        "crm.acme.client_id",
        "account.anna.crm",
        "account.anna.conflict",
        "account.anna.group",
        "demon",
    }


def test_inline_secret_is_not_repeated(write: Write) -> None:
    """What was wrongly written into the file does not reach the message."""
    with pytest.raises(ConfigError) as caught:
        load(write(CRM.replace('{ file = "creatio.secret" }', '"hunter2"')), {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "other", ['tag = "B"', 'pairs = [{ tag = "B", group = "X" }, { tag = "C", group = "creatio" }]']
)
def test_two_accounts_with_one_google_group_are_refused(write: Write, other: str) -> None:
    """Two accounts would fight over the members of one group of one Google user."""
    text = (
        CRM + ANNA + f'google = "Anna@example.com"\n[account.ben]\ncrm = "acme"\ngoogle = "anna@example.com"\n{other}'
    )
    assert "[account.anna] already keeps" in problems(write(text))["account.ben.group"].message


def test_one_google_user_with_two_groups_is_accepted(write: Write) -> None:
    """Different groups of one Google user belong to different accounts without a quarrel."""
    text = (
        CRM
        + ANNA
        + 'google = "a@example.com"\n[account.b]\ncrm = "acme"\ngoogle = "a@example.com"\ntag = "B"\ngroup = "B"'
    )
    assert len(accepted(write(text)).accounts) == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("1d", 86400), ("2w", 1209600), (" 5 m ", 300)]
)
def test_duration_is_read_in_seconds(write: Write, text: str, seconds: float) -> None:
    """Durations have a number and a unit."""
    assert accepted(write(CRM + f'[daemon]\ninterval = "{text}"')).daemon.interval == seconds


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:8080", "127.8.8.8", "[::1]:9"])
def test_plain_http_to_this_machine_is_accepted(write: Write, host: str) -> None:
    """Loopback needs no encryption."""
    config = accepted(write(CRM + f'[google]\napi_endpoint = "http://{host}/"'))
    assert config.google.api_endpoint == f"http://{host}"


def test_file_that_is_not_toml_is_reported_with_its_place(write: Write) -> None:
    """A syntax error says line and column."""
    path = write("[state]\nurl = \n")
    assert "line 2, column 7" in problems(path)[str(path)].message


def test_missing_file_is_a_problem_with_a_way_out(tmp_path: Path) -> None:
    """A file that is not there is reported like any other problem."""
    assert "init" in problems(tmp_path / "x.toml")[str(tmp_path / "x.toml")].suggestion


def test_folder_or_binary_in_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    """A folder and bytes that are no text are problems, not tracebacks."""
    assert "cannot be read" in problems(tmp_path)[str(tmp_path)].message
    (tmp_path / "b.toml").write_bytes(b"a = '\xff'")
    assert "UTF-8" in problems(tmp_path / "b.toml")[str(tmp_path / "b.toml")].message


def test_file_is_searched_in_the_documented_order(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--config goes before $SYNCD_CONFIG, and that before the file where one stands."""
    here = write(CRM)
    named, asked = tmp_path / "named.toml", tmp_path / "asked.toml"
    for path in (named, asked):
        path.write_text(CRM)
    monkeypatch.chdir(tmp_path)
    assert load(asked, {"SYNCD_CONFIG": str(named)}).path == asked
    assert load(None, {"SYNCD_CONFIG": str(named)}).path == named
    assert load(None, {}).path == here


def test_nothing_to_find_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any file the message names the places."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules["syncd.config.load"], "SYSTEM_FILE", tmp_path / "etc.toml")
    assert str(tmp_path / "etc.toml") in problems(None)["configuration"].message


def test_relative_paths_start_at_the_file_and_state_at_the_service_folder(write: Write, tmp_path: Path) -> None:
    """Under systemd the relative database and key lie in $STATE_DIRECTORY; other files start at the configuration."""
    config = accepted(write(CRM), STATE_DIRECTORY="/var/lib/x:/other", RUNTIME_DIRECTORY="/run/x")
    assert config.state.url == "sqlite:////var/lib/x/syncd.db"
    assert config.state.key.file == Path("/var/lib/x/syncd.key")
    secret = config.crms["acme"].client_secret
    assert secret is not None
    assert secret.file == tmp_path / "creatio.secret"
    assert config.control_socket == Path("/run/x/control.sock")


def test_control_socket_lies_beside_the_database_outside_a_service(write: Write, tmp_path: Path) -> None:
    """Daemon and command find each other by the configuration alone."""
    assert accepted(write(CRM + '[state]\nurl = "sqlite:///d/s.db"')).control_socket == tmp_path / "d" / "control.sock"
    remote = accepted(write(CRM + '[state]\nurl = "postgresql+psycopg://u@h/db"'))
    assert remote.control_socket == tmp_path / "control.sock"


def test_secret_is_read_when_asked_and_never_shown(write: Write) -> None:
    """The text comes without its line end; nothing that prints the configuration has it."""
    config = accepted(write(CRM + ANNA))
    secret = config.crms["acme"].client_secret
    assert secret is not None
    assert secret.reveal() == "s3cret"
    assert repr(secret) == "***"
    assert "s3cret" not in f"{config!r} {config.crms!r} {config.state!r}"


def test_credential_is_taken_from_the_service_manager(write: Write, tmp_path: Path) -> None:
    """A credential is a file that systemd hands over; outside the service asking for it says so."""
    path = write(CRM.replace('file = "creatio.secret"', 'credential = "creatio"'))
    (tmp_path / "creatio").write_text("from systemd")
    inside, outside = (
        accepted(path, **env).crms["acme"].client_secret for env in ({"CREDENTIALS_DIRECTORY": str(tmp_path)}, {})
    )
    assert inside is not None
    assert outside is not None
    assert inside.reveal() == "from systemd"
    with pytest.raises(ConfigError, match="only there in the service"):
        outside.reveal()


def test_secret_that_others_can_read_is_a_warning(write: Write, tmp_path: Path) -> None:
    """A file mode that lets others in does not stop syncd, but is told."""
    path = write(CRM + ANNA)
    assert accepted(path).warnings == ()
    (tmp_path / "creatio.secret").chmod(0o644)
    (warning,) = accepted(path).warnings
    assert "0644" in warning.message


def test_unused_way_to_sign_in_and_password_in_url_are_warnings(write: Write) -> None:
    """Left-over keys and a password in the database's address are told, not refused."""
    text = CRM + 'username = "me"\n[state]\nurl = "postgresql+psycopg://u:pw@h/db"'
    assert [warning.key for warning in accepted(write(text)).warnings] == ["crm.acme.username", "state.url"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_secret_that_cannot_be_read_is_a_problem(write: Write, tmp_path: Path) -> None:
    """A secret without permission is reported at once, not at three in the morning."""
    path = write(CRM)
    (tmp_path / "creatio.secret").chmod(0)
    assert "cannot be read" in problems(path)["crm.acme.client_secret"].message


def test_result_does_not_change(write: Write) -> None:
    """Nobody can change a configuration that was checked."""
    config = accepted(write(CRM + ANNA))
    with pytest.raises(ValueError, match="frozen"):
        object.__getattribute__(config.accounts["anna"], "__setattr__")("tag", "x")
    assert not isinstance(config.accounts, MutableMapping)
