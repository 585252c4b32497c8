"""bin/test: what it runs, in which order it speaks, and that its exit code is the truth."""

from __future__ import annotations

import pytest

from tests.tooling.conftest import Tree

# Each tool is replaced by a module that prints its arguments and fails when asked to.
SAY = "import os, sys\nprint('{name}', sys.argv[1:])\nsys.exit(os.environ.get('FAIL') == '{name}')\n"
LINTER = "import os, sys\ndef lint_imports_command(args):\n    sys.exit(os.environ.get('FAIL') == 'importlinter')\n"


@pytest.fixture
def checked(tree: Tree) -> Tree:
    """A tree whose environment has stand-ins for the tools."""
    tree.make_environment()
    for name in ("ruff", "mypy", "pytest"):
        (tree.site / f"{name}.py").write_text(SAY.format(name=name))
    (tree.site / "importlinter").mkdir()
    (tree.site / "importlinter" / "__init__.py").touch()
    (tree.site / "importlinter" / "cli.py").write_text(LINTER)
    return tree


def test_all_clean_exits_zero_and_pytest_speaks_last(checked: Tree) -> None:
    """Every tool ran, and the last line is pytest's own."""
    done = checked.run("test")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if "==" not in line] == [
        "ruff",
        "ruff",
        "mypy",
        "pytest",
    ]
    assert done.stdout.splitlines()[-1] == "pytest ['-n', '2']"


@pytest.mark.parametrize("tool", ["ruff", "mypy", "importlinter", "pytest"])
def test_one_tool_fails_and_so_does_the_check(checked: Tree, tool: str) -> None:
    """No tool's complaint is lost, and pytest runs all the same."""
    done = checked.run("test", FAIL=tool)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "pytest ['-n', '2']"


def test_arguments_go_to_pytest_alone(checked: Tree) -> None:
    """With arguments only pytest runs, with just these."""
    done = checked.run("test", "tests/a b", "-k", "x or y")
    assert done.stdout == "pytest ['tests/a b', '-k', 'x or y']\n"


def test_syncd_after_test_does_not_install_again(checked: Tree) -> None:
    """The development lock covers the other one, so the two scripts do not undo each other's work."""
    (checked.root / "requirements-dev.lock").write_text("# more\n")
    assert "installing" in checked.run("test", "x").stderr
    assert checked.run("syncd").stderr == ""
    assert checked.run("test", "x").stderr == ""
