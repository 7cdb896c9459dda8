"""The program of a worker process: ``python -m rask._worker_process``, started by a nanny.

It reads its settings as one line of JSON from standard input. The pipe is its lifeline: when it closes, the
nanny is gone or wants this process to end, and it ends at once, whatever its tasks do.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


PATIENCE_S = 0.5
"""How long to wait for the nanny before complaining of the scheduler."""


def main() -> None:
    """Be a worker until told to stop."""
    # Ctrl-C in a terminal goes to every process there; whoever started this one decides what it means for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    settings = json.loads(line)
    threading.Thread(target=_hold_lifeline, name="rask-lifeline", daemon=True).start()
    _be_like_the_client(settings)

    from rask import _core
    from rask._worker import Worker

    def connect() -> Any:
        from rask.distributed.client import Client

        session = _core.Session.connect(
            settings["scheduler"],
            secret=bytes.fromhex(settings["secret"]),
            access_file=None,
            name=f"tasks of worker {settings['name']}",
            timeout=30.0,
            for_task=True,
        )
        return Client._of_session(session)

    worker = Worker(settings, connect)
    while (stopped := worker.core.wait_stopped(3600.0)) is None:
        pass
    code, reason = stopped
    if code:
        # If the cluster ends or restarts, whoever started this process ends it now, and there is nothing to
        # say.
        time.sleep(PATIENCE_S)
        print(f"rask worker {settings['name']}: {reason}", file=sys.stderr, flush=True)
    _end(code)


def _hold_lifeline() -> None:
    """Wait for the end of standard input, then end the process."""
    descriptor = sys.stdin.fileno()
    while True:
        try:
            if not os.read(descriptor, 4096):
                break
        except OSError:
            break
    _end(0)


def _end(code: int) -> None:
    """End now: tasks that still run are abandoned, and no destructor may wait for them."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _be_like_the_client(settings: dict[str, Any]) -> None:
    """Import what the client could import, with its configuration."""
    runtime = settings.get("runtime") or {}
    known = set(sys.path)
    sys.path.extend(entry for entry in runtime.get("sys_path", ()) if entry not in known)
    if "argv" in runtime:
        sys.argv[:] = runtime["argv"]
    if "cwd" in runtime:
        with contextlib.suppress(OSError):  # gone, or not for this user
            os.chdir(runtime["cwd"])
    if "config" in runtime:
        from rask import config

        config.update(config.config, config.deserialize(runtime["config"]))
    if "local_directory" in runtime:
        settings["local_directory"] = os.path.join(runtime["local_directory"], f"worker-{settings['name']}")
    os.makedirs(settings["local_directory"], exist_ok=True)


if __name__ == "__main__":
    main()
