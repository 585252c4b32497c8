"""`syncd demo`: builds the stage in a folder of its own, plays the story, and leaves nothing behind unless told to."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from syncd.cli.codes import Exit
from syncd.cli.invocation import json_option


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave the servers and the daemon up to play on, until Ctrl-C.")
@json_option
def demo_command(keep: bool, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Play the whole story on two sandbox servers.

    Needs no account anywhere, and half a minute. Exit code 0: everything came out as told.
    """
    from syncd.cli.demo.keeping import play_on
    from syncd.cli.demo.play import Play
    from syncd.cli.demo.stage import Stage
    from syncd.cli.demo.story import OPENING, SCENES, people_the_stage
    from syncd.cli.demo.telling import Lines, Page, Teller

    teller: Teller = Lines() if as_json else Page()
    with _stoppable(), _folder(keep=keep) as folder, Stage(folder) as stage:
        people_the_stage(stage)
        teller.opening(OPENING)
        try:
            summary = Play(stage, teller).perform(SCENES)
            teller.summary(summary)
            if keep:
                play_on(stage, teller)
        except KeyboardInterrupt:
            stage.stop_daemon(signal.SIGKILL)  # whatever it is at, its state goes with the folder
            raise
    return Exit.OK if summary.well else Exit.FAILED


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """A folder for this story alone, private to its user; it goes with the story unless it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or hang-up ends the story in order; those that follow do not disturb that."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
