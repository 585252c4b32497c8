"""`init`, `check --unit` and `sandbox`: what they write and start."""

from __future__ import annotations

import grp
import json
import os
import signal
import subprocess
import tomllib
import urllib.request
from pathlib import Path

import pytest

from syncd.cli.setup import DEFAULTS, written
from syncd.config import load
from tests.cli.conftest import Shell, rows

SECRETS = ("creatio.secret", "client_secret.json")


@pytest.fixture
def empty(tmp_path: Path) -> Shell:
    """syncd in an empty folder."""
    return Shell(tmp_path)


def with_secrets(folder: Path) -> None:
    """What the operator does after `init`."""
    for name in SECRETS:
        (folder / name).write_text("x")


def test_defaults_write_a_configuration_that_loads(empty: Shell) -> None:
    """`init --defaults` asks nothing; with the secrets in place only the client id is left to fill in."""
    done = empty.syncd("init", "--defaults", "--json")
    assert done.returncode == 0, done.stderr
    assert rows(done) == [{"path": str(empty.folder / "syncd.toml")}]
    with_secrets(empty.folder)
    missing = empty.syncd("check")
    assert missing.returncode == 78
    assert "crm.acme.client_id: must not be empty" in missing.stderr
    assert missing.stderr.count(": ") == 1


def test_answers_stand_in_the_configuration(empty: Shell) -> None:
    """Questions come on standard error; wrong answers are asked for again; the file has what was said."""
    answers = [
        "http://shop.creatio.com", "https://shop.creatio.com", "kerberos", "oauth", "", "client-1",
        "anna", "anna@example.com", 'My "VIP" tag', "Anna Lee", "", "us",
    ]  # fmt: skip
    done = empty.syncd("init", stdin="\n".join(answers) + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Wrote {empty.folder / 'syncd.toml'}.\n"
    assert "http:// is accepted for this machine itself only" in done.stderr
    with_secrets(empty.folder)
    config = load(empty.folder / "syncd.toml", {})
    assert config.crms["shop"].token_url == "https://shop-is.creatio.com/connect/token"
    anna = config.accounts["anna"]
    assert (anna.crm, anna.google, anna.tag, anna.tag_owner, anna.region) == (
        "shop", "anna@example.com", 'My "VIP" tag', "Anna Lee", "US",
    )  # fmt: skip


@pytest.mark.parametrize(
    "answers",
    [
        {"auth": "forms", "account": "Änna Lee", "region": "DE"},
        {"url": "http://127.0.0.1:8080", "tag": "a\\b\n\x7f", "group": "日本"},
        {"url": "https://10.0.0.1/x", "account": "7", "google": "a@b.c"},
    ],
)
def test_any_answer_gives_a_valid_file(tmp_path: Path, answers: dict[str, str]) -> None:
    """Quotes, other scripts, addresses without a name: the file is always one that loads."""
    given = DEFAULTS | {"client_id": "x"} | answers
    (tmp_path / "syncd.toml").write_text(written(given), encoding="utf-8")
    with_secrets(tmp_path)
    config = load(tmp_path / "syncd.toml", {})
    assert config.accounts[given["account"]].group == given["group"]


def test_commented_examples_are_valid_too(tmp_path: Path) -> None:
    """Every commented setting of the file works when its comment sign is taken away."""
    lines = written(DEFAULTS | {"client_id": "x"}).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("[state]"))
    settings = [line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in lines[start:]]
    (tmp_path / "syncd.toml").write_text("\n".join(settings), encoding="utf-8")
    with_secrets(tmp_path)
    assert load(tmp_path / "syncd.toml", {}).accounts["anna"].map[0].google == "userDefined:Loyalty"


def test_file_that_is_there_is_never_overwritten(shell: Shell) -> None:
    """`init` leaves an existing configuration as it is."""
    before = (shell.folder / "syncd.toml").read_text()
    done = shell.syncd("init", "--defaults")
    assert done.returncode == 1
    assert "left as it is" in done.stderr
    assert (shell.folder / "syncd.toml").read_text() == before


def test_interrupted_questions_write_nothing(empty: Shell) -> None:
    """An end of input in the middle leaves no half file."""
    assert empty.syncd("init", stdin="https://a.creatio.com\n").returncode == 130
    assert list(empty.folder.iterdir()) == []


def unit(shell: Shell, more: str, state: str = "/var/lib/syncd/syncd.db") -> list[str]:
    """The drop-in for the configuration with these sections, without its comment."""
    path = shell.folder / "syncd.toml"
    path.write_text(f'[state]\nurl = "sqlite:///{state}"\n{path.read_text()}\n{more}')
    done = shell.syncd("check", "--unit")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def test_drop_in_without_folders_needs_nothing(shell: Shell) -> None:
    """The service's own folders need no line."""
    assert unit(shell, "") == ["[Service]"]


def test_drop_in_opens_what_is_configured(shell: Shell) -> None:
    """Folders become writable, homes are bound in, groups are joined, odd names are quoted."""
    more = """
[export.nightly]
parts = [{ folder = "/srv/50% off" }, { folder = "/srv/50% off" }]
group = "users"
[import.leads]
folder = "/home/anna/leads"
[backup]
folder = "/var/lib/syncd/backup"
"""
    assert unit(shell, more, "/srv/state/syncd.db") == [
        "[Service]",
        "ReadWritePaths=/srv/state",
        'ReadWritePaths="/srv/50%% off"',
        "ProtectHome=tmpfs",
        "BindPaths=/home/anna/leads",
        "SupplementaryGroups=users",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_drop_in_joins_the_group_that_may_write(shell: Shell) -> None:
    """A folder that a group may write to lets the service in by that group."""
    group = grp.getgrnam("users")
    out = shell.folder / "out"
    out.mkdir()
    os.chown(out, -1, group.gr_gid)
    out.chmod(0o770)
    assert "SupplementaryGroups=users" in unit(shell, '[export.x]\nfolder = "out"')


def test_sandbox_serves_until_stopped_and_leaves_a_configuration_that_loads(empty: Shell) -> None:
    """`sandbox` says where its servers are, serves both, and ends well when asked."""
    command = empty.command("sandbox", "--json")
    with subprocess.Popen(command, cwd=empty.folder, env=empty.environ, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        places = json.loads(child.stdout.readline())
        try:
            for address in (places["google"] + "/", places["crm"] + "/_sandbox/"):
                with urllib.request.urlopen(address, timeout=30) as reply:
                    assert reply.status == 200
            config = load(Path(places["config"]), {})
            assert config.google.api_endpoint == places["google"]
            assert config.warnings == ()
        finally:
            child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def test_sandbox_leaves_a_real_configuration_alone(shell: Shell) -> None:
    """A folder with somebody's own configuration is refused."""
    before = tomllib.loads((shell.folder / "syncd.toml").read_text())
    done = shell.syncd("sandbox", "--folder", str(shell.folder))
    assert done.returncode == 64
    assert tomllib.loads((shell.folder / "syncd.toml").read_text()) == before
