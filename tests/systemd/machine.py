"""A machine of its own with a booted systemd: namespaces over a throw-away overlay of this one. Needs root."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAMESPACES = ("--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--uts", "--ipc", "--net")
NEEDED = ("unshare", "nsenter", "systemctl", "systemd-run", "journalctl", "bash")
HIDDEN = ("/root", "/home", "/run/user")
"""What ProtectHome= hides; an interpreter there cannot serve the unit."""
WAIT = 60.0
PAUSE = 0.1
GOOGLE_PORT, CRM_PORT = 18080, 18081

SYNCD = "/opt/syncd/venv/bin/python -m syncd"
SANDBOX_UNIT = f"""
[Service]
Environment=PYTHONDONTWRITEBYTECODE=1
ExecStart={SYNCD} sandbox --google-port {GOOGLE_PORT} --crm-port {CRM_PORT} --folder /etc/sandbox
"""
DROP_IN = """
[Service]
LoadCredential=creatio.secret:/etc/sandbox/creatio.secret
WatchdogSec=6
RestartSec=100ms
"""
BROWSER = """#!/opt/syncd/venv/bin/python
import sys, urllib.request
urllib.request.urlopen(sys.argv[1] + "&_allow=1&_user=anna@example.com").read()
"""


def missing() -> str:
    """Why no machine can be booted here; empty when one can."""
    if os.getuid() != 0:
        return "needs root, to make namespaces"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent or not Path("/lib/systemd/systemd").exists():
        return f"needs {', '.join(absent) or 'systemd'}"
    if interpreter() is None:
        return f"needs a Python {sys.version_info[0]}.{sys.version_info[1]} outside {', '.join(HIDDEN)}"
    refused = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return f"unshare is refused: {refused.stderr.strip()}" if refused.returncode else ""


def interpreter() -> Path | None:
    """A Python of the running version that a service may use."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    places = (Path(sys.base_prefix, "bin", name), Path("/usr/bin", name), Path("/usr/local/bin", name))
    return next((path for path in places if path.exists() and not str(path.resolve()).startswith(HIDDEN)), None)


class Machine:
    """Up from `boot` to `end`. Commands run inside it as root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = (folder / "console").open("wb")
        self.cgroup = _cgroup()
        app = _app(folder / "app")
        (folder / "scratch").mkdir()
        boot = [ROOT / "tests/systemd/boot.sh", folder / "scratch", app, ROOT, sysconfig.get_path("purelib")]
        command = ["unshare", *NAMESPACES, "bash", *map(str, boot)]
        self.unshare = subprocess.Popen(
            ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.cgroup), *command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip

    def boot(self) -> None:
        """Wait until its systemd answers."""
        self.until(lambda: self.unshare.poll() is not None or self.run("systemctl", "is-system-running") is not None)
        if self.unshare.poll() is not None:
            raise RuntimeError(f"did not boot: {(self.folder / 'console').read_text()}")
        self.until(lambda: (self.run("systemctl", "is-active", "basic.target") or "").startswith("active"))

    @property
    def init(self) -> int | None:
        """Process 1 of it, by the number it has outside."""
        children = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def enter(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        init = self.init
        assert init is not None
        where = ["nsenter", "-t", str(init), "-m", "-p", "-u", "-i", "-n", "-C", "--", *command]
        return subprocess.run(where, input=stdin, capture_output=True, text=True, timeout=WAIT, check=False)

    def run(self, *command: str) -> str | None:
        """What it prints; None while systemd does not answer."""
        if self.init is None:
            return None
        done = self.enter(*command)
        return None if "Failed to connect to bus" in done.stderr or "nsenter:" in done.stderr else done.stdout.strip()

    def must(self, *command: str, stdin: str = "") -> str:
        """What it prints, once it has succeeded."""
        done = self.enter(*command, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.told()}")
        return done.stdout

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.must("systemctl", "show", "-P", name, "syncd").strip()

    def events(self) -> list[dict[str, Any]]:
        """What the service has written to the journal."""
        lines = self.must("journalctl", "-u", "syncd", "-o", "json", "--no-pager").splitlines()
        return [json.loads(line) for line in lines]

    def told(self) -> str:
        """The end of the journal, for a person who wants to know why."""
        done = self.enter("journalctl", "--no-pager", "-n", "60", "-o", "cat")
        return done.stdout

    def until(self, true: Callable[[], object]) -> None:
        """Wait for something that comes by itself."""
        end = time.monotonic() + WAIT
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(self.told() if self.init else (self.folder / "console").read_text())
            time.sleep(PAUSE)

    def end(self) -> None:
        """Everything in it dies with its process 1; its mounts go with the last process."""
        self.unshare.kill()
        self.unshare.wait()
        self.log.close()
        folders = sorted((path for path in self.cgroup.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
        end = time.monotonic() + WAIT
        for path in (*folders, self.cgroup):
            while path.exists() and time.monotonic() < end:
                try:
                    path.rmdir()
                except OSError:  # its processes have not quite gone
                    time.sleep(PAUSE)


def booted(folder: Path) -> Iterator[Machine]:
    """A machine with the sandbox servers up, syncd installed and configured for them, not yet started."""
    machine = Machine(folder)
    try:
        machine.boot()
        machine.must("systemctl", "start", "sandbox")
        machine.until(lambda: machine.enter("test", "-e", "/etc/sandbox/syncd.toml").returncode == 0)
        _configure(machine)
        yield machine
    finally:
        machine.end()


def _configure(machine: Machine) -> None:
    """The sandbox's configuration, as an operator writes it for the service: secrets as credentials."""
    text = machine.must("cat", "/etc/sandbox/syncd.toml")
    text = text.replace('{ file = "syncd.key" }', '{ credential = "master.key" }')
    text = text.replace('{ file = "creatio.secret" }', '{ credential = "creatio.secret" }')
    machine.must("tee", "/etc/syncd/syncd.toml", stdin=text)
    machine.must("install", "-m", "644", "/etc/sandbox/client_secret.json", "/etc/syncd/client_secret.json")


def _cgroup() -> Path:
    """A cgroup of its own, so that its systemd sees nothing else as its root."""
    lines = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    unified = Path(next(fields[1] for fields in lines if fields[2] == "cgroup2"))
    own = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    made = unified / own.removeprefix("0::").lstrip("/") / f"syncd-test-{secrets.token_hex(4)}"
    made.mkdir()
    return made


def _app(folder: Path) -> Path:
    """/opt/syncd and what goes into /etc: a virtual environment whose packages are those of the tests."""
    for name in ("checkout", "packages", "etc/syncd", "etc/systemd/system/syncd.service.d"):
        (folder / name).mkdir(parents=True)
    python = interpreter()
    assert python is not None
    subprocess.run([python, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    [site] = (folder / "venv/lib").glob("python*/site-packages")
    (site / "syncd.pth").write_text("/opt/syncd/checkout\n/opt/syncd/packages\n")
    units = folder / "etc/systemd/system"
    shutil.copy(ROOT / "syncd.service", units)
    (units / "syncd.service.d/test.conf").write_text(DROP_IN)
    (units / "sandbox.service").write_text(SANDBOX_UNIT)
    (folder / "browser").write_text(BROWSER)
    (folder / "browser").chmod(0o755)
    key = folder / "etc/syncd/master.key"
    key.touch(mode=0o400)
    key.write_bytes(secrets.token_bytes(32))
    return folder
