"""The last line of defence: whatever a command ends with becomes a sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from syncd.cli.codes import Exit, of_reason
from syncd.core.errors import ConfigError, SyncError


def guarded(command: Callable[[], object], failure: int | None = None) -> int:
    """Run it; the exit code. Errors with a name say what to do; of others the traceback goes to a file.

    `failure` is the exit code of both kinds of errors, where the command has a meaning of its own for it.
    """
    try:
        result = command()
        sys.stdout.flush()
        return int(result) if isinstance(result, int) else Exit.OK
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        error.show()
        return Exit.FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return Exit.STOPPED
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except SyncError as error:
        tell(error)
        return of_reason(error.reason) if failure is None else failure
    except Exception as error:  # noqa: BLE001  the command line's last line
        _own_fault(error)
        return Exit.FAILED if failure is None else failure


def tell(error: SyncError) -> None:
    """The error's message and what to do about it, on standard error."""
    if isinstance(error, ConfigError):
        click.echo("The configuration has problems:", err=True)
        for problem in error.problems:
            click.echo(f"  {problem.key}: {problem.message}", err=True)
            if problem.suggestion:
                click.echo(f"      {problem.suggestion}", err=True)
        return
    click.echo(str(error) or error.reason, err=True)
    if fix := getattr(error, "fix", ""):
        click.echo(str(fix), err=True)


def _own_fault(error: Exception) -> None:
    import tempfile

    import syncd.log

    text = syncd.log.redact("".join(traceback.format_exception(error)))
    kind = type(error).__name__
    try:
        with tempfile.NamedTemporaryFile("w", prefix="syncd-fault-", suffix=".txt", delete=False) as file:
            file.write(text)
        syncd.log.get().event("SD009", kind=kind, file=file.name)
        where = f"The details are in {file.name}; it holds no secrets."
    except OSError:
        where = f"The details:\n{text}"
    click.echo(f"syncd stopped because of a fault of its own ({kind}). {where}", err=True)
