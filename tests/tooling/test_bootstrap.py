"""bin/syncd from a fresh checkout: where it may stand, who may run it at once, and what it says when it cannot."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tooling.conftest import BASE_PYTHON, Tree

HOLD_LOCK = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); input()"
NO_ENSUREPIP = """\
#!/bin/sh
case "$*" in *--without-pip*) ;; *"-m venv"*|*ensurepip*"--"*) echo "ensurepip is not available"; exit 1 ;; esac
exec "{python}" "$@"
"""


def make_wheel(folder: Path) -> str:
    """Write a wheel of one module, `brick`, and return its hash as a lock line wants it."""
    wheel = folder / "brick-1.0-py3-none-any.whl"
    files = {
        "brick.py": "COLOUR = 'red'\n",
        "brick-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: brick\nVersion: 1.0\n",
        "brick-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("brick-1.0.dist-info/RECORD", record + "brick-1.0.dist-info/RECORD,,\n")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def path_without_python(tree: Tree, python3: str) -> str:
    """Return a PATH that has the tools the scripts use, and `python3`, a script of the given text."""
    folder = tree.root.parent / "path"
    folder.mkdir()
    for tool in ("basename", "cat", "cksum", "dirname", "grep", "ls", "mkdir", "readlink", "rm", "sh"):
        (folder / tool).symlink_to(shutil.which(tool) or pytest.fail(f"{tool} is missing"))
    (folder / "python3").write_text(f"#!/bin/sh\n{python3}\n")
    (folder / "python3").chmod(0o755)
    return str(folder)


def test_run_through_a_link_from_a_folder_with_the_same_names_uses_the_checkout(
    installed: Tree, tmp_path: Path
) -> None:
    """A link, another folder with packages of our names and arguments with blanks change nothing."""
    for package in ("state", "syncd"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('the wrong one')")
    link = tmp_path / "a link"
    link.symlink_to(installed.root / "bin" / "syncd")
    done = subprocess.run(
        [link, "a b", "*"], cwd=tmp_path, env=installed.env, check=True, capture_output=True, text=True
    )
    said = json.loads(done.stdout)
    assert said["args"] == ["a b", "*"]
    assert said["cwd"] == str(tmp_path)
    assert Path(said["syncd"]).is_relative_to(installed.root)
    assert Path(said["state"]).is_relative_to(installed.root)


def test_second_run_installs_nothing(installed: Tree) -> None:
    """Once the lock is installed, bin/syncd is silent and starts at once."""
    assert installed.run("syncd").stderr == ""


def test_moved_checkout_runs_its_own_code(tree: Tree) -> None:
    """After the folder was renamed the code that runs is that of the new place."""
    tree.make_environment()
    assert tree.run("syncd").returncode == 0
    tree.root = tree.root.rename(tree.root.with_name("moved"))
    assert Path(json.loads(tree.run("syncd").stdout)["syncd"]).is_relative_to(tree.root)


def test_two_first_runs_at_once_install_once(tree: Tree) -> None:
    """Both succeed and exactly one of them installs."""
    with tree.start("syncd") as one, tree.start("syncd") as two:
        said = [one.communicate(), two.communicate()]
    assert (one.returncode, two.returncode) == (0, 0), said
    assert sum("syncd: installing" in err for _, err in said) == 1


def test_killed_holder_of_the_lock_holds_nobody_up(tree: Tree) -> None:
    """A run waits while another installs, and goes on when that one was killed."""
    tree.make_environment()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, f"{tree.venv}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with tree.start("syncd") as waiting:
            assert waiting.stderr is not None
            assert "waiting" in waiting.stderr.readline()
            holder.send_signal(signal.SIGKILL)
            waiting.communicate()
    assert waiting.returncode == 0


def test_environment_made_by_hand_is_filled_not_replaced(tree: Tree) -> None:
    """What a developer installed by hand stays."""
    tree.make_environment()
    mine = tree.site / "mine.py"
    mine.touch()
    assert tree.run("syncd").returncode == 0
    assert mine.exists()


def test_environment_whose_filling_was_cut_short_is_made_anew(tree: Tree) -> None:
    """Half a package left by a killed run is not built upon."""
    tree.make_environment()
    half = tree.site / "half.py"
    half.touch()
    (tree.venv / ".syncd-unfinished").touch()
    assert tree.run("syncd").returncode == 0
    assert not half.exists()


def test_environment_whose_interpreter_is_gone_is_made_anew(tree: Tree) -> None:
    """A system upgrade that removes the interpreter costs one installation, nothing else."""
    tree.make_environment()
    assert tree.run("syncd").returncode == 0
    for name in ("python", "python3"):
        (tree.venv / "bin" / name).unlink()
        (tree.venv / "bin" / name).symlink_to("/nowhere/python3.11")
    assert tree.run("syncd").returncode == 0


def test_without_ensurepip_pip_is_borrowed_from_the_interpreter(tree: Tree) -> None:
    """Debian's python3 without python3-venv is enough if it has pip."""
    has_pip = [
        python
        for python in (BASE_PYTHON, sys.executable)
        if subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    ]
    if not has_pip:
        pytest.skip("no interpreter here has pip")
    poor = tree.root.parent / "python poor"
    poor.write_text(NO_ENSUREPIP.format(python=has_pip[0]))
    poor.chmod(0o755)
    done = tree.run("syncd", SYNCD_PYTHON=str(poor))
    assert done.returncode == 0, done.stderr
    assert not (tree.venv / "bin" / "pip").exists()


def test_folder_that_is_no_environment_is_left_alone(tree: Tree) -> None:
    """SYNCD_VENV pointed at a folder with files in it deletes none of them."""
    tree.venv.mkdir()
    letter = tree.venv / "letter.txt"
    letter.touch()
    done = tree.run("syncd")
    assert done.returncode == 1
    assert "is not a virtual environment" in done.stderr
    assert letter.exists()


def test_python_too_old_is_named_with_the_way_out(tree: Tree) -> None:
    """Where only an old Python is found, the message names it, the version needed and what to install."""
    path = path_without_python(tree, 'case $1 in -V) echo "Python 3.9.2" ;; *) exit 1 ;; esac')
    done = tree.run("syncd", PATH=path, SYNCD_PYTHON="")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; python3 here is Python 3.9.2" in done.stderr
    assert "apt install python3" in done.stderr


def test_python_without_pip_is_named_with_the_way_out(tree: Tree) -> None:
    """Where Python has neither ensurepip nor pip, the message says which package brings it."""
    path = path_without_python(tree, f'case $* in *ensurepip*) exit 1 ;; esac; exec "{BASE_PYTHON}" "$@"')
    done = tree.run("syncd", PATH=path, SYNCD_PYTHON="")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_python_named_by_hand_that_does_not_fit_is_refused(tree: Tree) -> None:
    """SYNCD_PYTHON is an order: another interpreter is not taken in its place."""
    done = tree.run("syncd", SYNCD_PYTHON=shutil.which("false") or "/bin/false")
    assert done.returncode == 1
    assert "is not a Python 3.11 or newer" in done.stderr


def test_changed_lock_is_installed_before_the_next_run(tree: Tree, tmp_path: Path) -> None:
    """After a pull that changed the lock, what it names is there, compiled even where writing bytecode is off."""
    tree.make_environment()
    assert tree.run("syncd").returncode == 0
    digest = make_wheel(tmp_path)
    (tree.root / "requirements.lock").write_text(f"brick==1.0 \\\n    --hash=sha256:{digest}\n")
    done = tree.run("syncd", PIP_FIND_LINKS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tree.site / "brick.py").exists()
    assert tree.env["PYTHONDONTWRITEBYTECODE"]
    assert list(tree.site.glob("__pycache__/brick.*.pyc"))


@pytest.mark.parametrize("tail", [f" --hash=sha256:{'0' * 64}", ""], ids=["another hash", "no hash"])
def test_package_that_is_not_the_locked_file_is_refused(tree: Tree, tmp_path: Path, tail: str) -> None:
    """A file whose hash is not in the lock is not installed, and syncd does not start."""
    tree.make_environment()
    make_wheel(tmp_path)
    (tree.root / "requirements.lock").write_text(f"brick==1.0{tail}\n")
    done = tree.run("syncd", PIP_FIND_LINKS=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "could not be installed" in done.stderr
    assert not (tree.site / "brick.py").exists()


def test_scripts_are_executable() -> None:
    """A fresh clone can run them as the README says."""
    root = Path(__file__).resolve().parents[2]
    assert [name for name in ("bin/syncd", "bin/test", ".ci/run") if not os.access(root / name, os.X_OK)] == []
