"""The real unit under a real systemd, syncing with the sandbox servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.systemd.machine import SYNCD, Machine

pytestmark = [pytest.mark.systemd, pytest.mark.slow]

AS_SERVICE = (
    "systemd-run", "--wait", "--pipe", "--collect", "--quiet", "--service-type=exec",
    "-p", "DynamicUser=yes", "-p", "User=syncd", "-p", "StateDirectory=syncd", "-p", "StateDirectoryMode=0700",
    "-p", "LoadCredential=master.key:/etc/syncd/master.key",
    "-p", "LoadCredential=creatio.secret:/etc/sandbox/creatio.secret",
    "-E", "PYTHONDONTWRITEBYTECODE=1", "-E", "BROWSER=/opt/syncd/browser %s",
)  # fmt: skip
"""How an operator runs a command as the service's own user, with its credentials; as docs/operations.md tells it."""

ENCRYPTED = """
[Service]
LoadCredential=
LoadCredential=creatio.secret:/etc/sandbox/creatio.secret
LoadCredentialEncrypted=master.key:{}
"""


@pytest.fixture(scope="module")
def connected(machine: Machine) -> Machine:
    """Anna has granted access, before the service was ever started."""
    machine.must(*AS_SERVICE, *SYNCD.split(), "--config", "/etc/syncd/syncd.toml", "connect", "anna")
    return machine


@pytest.fixture
def up(connected: Machine) -> Machine:
    """The service is up, and has not used up its restarts."""
    connected.must("systemctl", "reset-failed")
    connected.must("systemctl", "start", "syncd")
    return connected


def events(machine: Machine, id: str) -> list[dict[str, Any]]:
    return [event for event in machine.events() if event.get("SYNCD_EVENT") == id]


def kill(machine: Machine, number: str) -> int:
    """Send the signal to the main process, and wait until systemd has restarted the service. Returns the restarts."""
    before, pid = int(machine.show("NRestarts")), machine.show("MainPID")
    machine.must("kill", f"-{number}", pid)
    machine.until(lambda: int(machine.show("NRestarts")) > before and machine.show("ActiveState") == "active")
    assert machine.show("MainPID") not in ("0", pid)
    return int(machine.show("NRestarts")) - before


def syncd(machine: Machine, *arguments: str) -> list[dict[str, Any]]:
    """What a command of root prints, which asks the daemon."""
    done = machine.enter(*SYNCD.split(), "--config", "/etc/syncd/syncd.toml", *arguments, "--json")
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_service_starts_under_all_its_hardening(up: Machine) -> None:
    """Ready is ready: systemd's start returned, the status line speaks, the state is its own user's alone."""
    assert up.show("ActiveState") == "active"
    assert up.show("StatusText").startswith("1 account")
    assert up.must("stat", "-c", "%a %U", "/var/lib/private/syncd/syncd.db").split()[0] == "600"
    assert up.must("stat", "-c", "%a", "/run/syncd/control.sock").strip() == "600"


def test_events_reach_the_journal_as_fields(up: Machine) -> None:
    """With the id by which the journal finds them, and their priority."""
    from syncd.events import CATALOGUE

    ready = events(up, "SD002")[-1]
    assert ready["MESSAGE_ID"] == CATALOGUE["SD002"].message_id
    assert (ready["PRIORITY"], ready["SYNCD_ACCOUNTS"]) == ("6", "1")


def test_root_asks_the_daemon_for_a_sync_and_both_sides_agree(up: Machine) -> None:
    """What is tagged in the CRM is in the group, and then there is nothing more to do."""
    [first] = syncd(up, "sync")
    assert first["outcome"] == "ok", up.told()
    [second] = syncd(up, "sync")
    assert (second["outcome"], second["crm"], second["google"]) == (
        "ok",
        {"created": 0, "updated": 0, "tagged": 0, "untagged": 0},
        {"created": 0, "updated": 0, "grouped": 0, "ungrouped": 0},
    )


def test_a_command_as_the_services_user_works_beside_it(up: Machine) -> None:
    """It shares the user, the state and the credentials; both connections are tried."""
    done = up.must(*AS_SERVICE, *SYNCD.split(), "--config", "/etc/syncd/syncd.toml", "check", "--json")
    findings = [json.loads(line) for line in done.splitlines()]
    assert {"crm.sandbox", "account.anna"} <= {finding["what"] for finding in findings}
    assert all(finding["ok"] for finding in findings)
    assert up.show("ActiveState") == "active"


def test_reload_takes_effect_or_is_refused_and_returns_at_once(up: Machine) -> None:
    """`systemctl reload` succeeds either way; the event and the status line say which."""
    pid, text = up.show("MainPID"), up.must("cat", "/etc/syncd/syncd.toml")
    up.must("systemctl", "reload", "syncd")
    up.until(lambda: events(up, "SD003"))
    up.must("tee", "/etc/syncd/syncd.toml", stdin=text + "\n[daemon]\n")
    up.must("systemctl", "reload", "syncd")
    up.until(lambda: events(up, "SD004"))
    up.until(lambda: "refused" in up.show("StatusText"))
    up.must("tee", "/etc/syncd/syncd.toml", stdin=text)
    assert up.show("MainPID") == pid


def test_a_killed_daemon_is_restarted(up: Machine) -> None:
    """kill -9: systemd starts it again, and it becomes ready."""
    assert kill(up, "KILL") == 1
    assert syncd(up, "status")[0]["account"] == "anna"


def test_a_daemon_that_hangs_is_restarted_by_the_watchdog(up: Machine) -> None:
    """kill -STOP: it cannot say that it is alive, so systemd ends it and starts it again."""
    assert kill(up, "STOP") == 1
    assert "watchdog" in up.must("journalctl", "-u", "syncd", "--no-pager").lower()


def test_an_encrypted_key_serves_as_well(up: Machine) -> None:
    """As docs/operations.md has it: the key only lies on the disk bound to this machine."""
    up.must("mkdir", "-p", "/etc/credstore.encrypted")
    encrypted = "/etc/credstore.encrypted/syncd.master.key"
    up.must("systemd-creds", "encrypt", "--with-key=host", "--name=master.key", "/etc/syncd/master.key", encrypted)
    drop_in = "/etc/systemd/system/syncd.service.d/zz-encrypted.conf"
    up.must("tee", drop_in, stdin=ENCRYPTED.format(encrypted))
    try:
        up.must("systemctl", "daemon-reload")
        up.must("systemctl", "restart", "syncd")
        assert syncd(up, "sync")[0]["outcome"] == "ok", up.told()
    finally:
        up.must("rm", drop_in)
        up.must("systemctl", "daemon-reload")


def test_stop_drains_and_ends_well(up: Machine) -> None:
    """Exit code 0, nothing left to be killed, the lock and the socket gone with the runtime folder."""
    up.must("systemctl", "stop", "syncd")
    assert events(up, "SD006")[-1]["SYNCD_CODE"] == "0"
    journal = up.must("journalctl", "-u", "syncd", "-o", "cat", "-n", "5", "--no-pager")
    assert "syncd.service: Deactivated successfully." in journal
    assert up.enter("test", "-e", "/run/syncd").returncode != 0


def test_a_wrong_configuration_keeps_it_from_starting(connected: Machine) -> None:
    """The check before the start says what is wrong; the old state is not touched."""
    connected.must("systemctl", "stop", "syncd")
    text = connected.must("cat", "/etc/syncd/syncd.toml")
    connected.must("tee", "/etc/syncd/syncd.toml", stdin=text.replace('tag = "Google"', 'tga = "Google"'))
    try:
        assert connected.enter("systemctl", "start", "syncd").returncode != 0
        connected.must("systemctl", "stop", "syncd")
        assert "account.anna.tga" in connected.must("journalctl", "-u", "syncd", "--no-pager")
    finally:
        connected.must("tee", "/etc/syncd/syncd.toml", stdin=text)


def test_nothing_of_a_person_is_in_the_journal(connected: Machine) -> None:
    """After all of the above: no name, no address, no token."""
    journal = connected.must("journalctl", "-u", "syncd", "-o", "verbose", "--no-pager")
    found = [word for word in ("Okafor", "okafor", "Müller", "23456789", "Petrova", "ya29.", "1//") if word in journal]
    assert found == []
