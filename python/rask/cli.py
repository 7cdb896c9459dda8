"""The console script ``rask``: ``rask scheduler`` and ``rask worker``, whose flags and errors live in the Rust core.

``python -m rask.cli`` is the same command where the script is not on the path.
"""

from __future__ import annotations

import signal
import sys

from rask import _core

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its exit code."""
    # Ctrl-C before the command listens to it, or after, should end the process without a Python traceback. Where whoever
    # started us wanted it ignored, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_core.run_cli(["rask", *sys.argv[1:]], sys.executable))


if __name__ == "__main__":
    main()
