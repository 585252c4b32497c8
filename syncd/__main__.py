"""`python -m syncd`: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process; the exit code."""
    from syncd.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
