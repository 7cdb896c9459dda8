"""The console script ``rask``; its flags, texts and exit codes live in the Rust core (`crates/rask-cli`).

``python -m rask.cli`` is the same command where the script is not on the path.
"""

from __future__ import annotations

import os
import signal
import sys

from rask import _core

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its exit code."""
    # Ctrl-C before the command listens to it, or after, should end the process without a Python
    # traceback. Where whoever started us wanted it ignored, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    arguments = sys.argv[1:]
    if arguments[:1] == ["scheduler"]:
        _hand_over_settings()
    sys.exit(_core.run_cli(["rask", *arguments], sys.executable))


def _hand_over_settings() -> None:
    """Put the scheduler's settings where the core looks, which reads no configuration files."""
    from rask import config

    allowed_failures = config.get("distributed.scheduler.allowed-failures", 3)
    os.environ["RASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = str(allowed_failures)
    os.environ["RASK_DISTRIBUTED__DASHBOARD__LINK"] = str(config.get("distributed.dashboard.link") or "")


if __name__ == "__main__":
    main()
