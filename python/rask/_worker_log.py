"""What a worker tells of its tasks: what they log, and what they print or warn for the clients to see.

It goes to the scheduler beside the tasks' results, and must never be in their way: lines are cut, a flood of
them is dropped and counted, nothing blocks, and nothing is raised into the user's code.

Log records are taken where `logging` hands them out, not by a handler: with a handler on the root logger, a
task's `logging.basicConfig()` would do nothing any more, and warnings that nobody handles would not reach
standard error.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable

from rask.distributed.worker import running_task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHARS_MAX = 4_000
"""What is longer has lost its middle."""
CHARS_PER_TOKEN = 500
"""A line costs one token, and one more for each so many characters."""
TOKENS_PER_S = 100.0
TOKENS_MAX = 1_000.0
"""So much may come at once."""
SUMMARY_S = 1.0
"""So long after the first line that was dropped it is said how many were."""

Send = Callable[[str, str], None]


def shortened(text: str, chars_max: int = CHARS_MAX) -> str:
    """Return the text, without its middle if it is long."""
    if len(text) <= chars_max:
        return text
    half = chars_max // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters left out … {text[-half:]}"


class Notices:
    """Sends a worker's notices, as many as are good for it.

    Parameters
    ----------
    send : callable
        Takes a topic and a text; must not block.
    clock : callable
        Seconds, from any point on.
    """

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = TOKENS_MAX
        self._filled = clock()
        self._dropped: dict[str, int] = {}
        self._timer: threading.Timer | None = None

    def admits(self, topic: str) -> bool:
        """Whether there is room for a line; if not, it counts as dropped, and need not be made."""
        with self._lock:
            return self._has_room(topic, 1)

    def say(self, topic: str, text: str) -> None:
        """Send a text, or drop and count it."""
        text = shortened(text)
        cost = 1 + len(text) // CHARS_PER_TOKEN
        with self._lock:
            if not self._has_room(topic, cost):
                return
            self._tokens -= cost
            # Sent within the lock, so that lines arrive in the order in which they were let through.
            self._say_dropped()
            self._send(topic, text)

    def flush(self) -> None:
        """Say how many lines were dropped, if some were."""
        with self._lock:
            self._timer = None
            self._say_dropped()

    def _has_room(self, topic: str, cost: int) -> bool:
        now = self._clock()
        self._tokens = min(TOKENS_MAX, self._tokens + (now - self._filled) * TOKENS_PER_S)
        self._filled = now
        if self._tokens >= cost:
            return True
        self._drop(topic)
        return False

    def _drop(self, topic: str) -> None:
        self._dropped[topic] = self._dropped.get(topic, 0) + 1
        if self._timer is None:
            self._timer = threading.Timer(SUMMARY_S, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def _say_dropped(self) -> None:
        dropped, self._dropped = self._dropped, {}
        for topic, count in dropped.items():
            end = "\n" if topic == "print" else ""
            self._send(topic, f"… {count} line{'s' if count > 1 else ''} dropped{end}")


# --- what tasks log ----------------------------------------------------------------------------------------

_lock = threading.Lock()
_workers: list[Any] = []
"""Workers of this process that want to hear what tasks log."""
_sending = threading.local()
_formatter = logging.Formatter("%(levelname)s %(name)s: %(message)s")


def listen(worker: Any) -> None:
    """Let a worker have the log records of its tasks; of the whole process, if the process is its own."""
    with _lock:
        _workers.append(worker)
        if not hasattr(logging.Logger.callHandlers, "rask_hands_out"):
            logging.Logger.callHandlers = _wrapped(logging.Logger.callHandlers)


def forget(worker: Any) -> None:
    """Let it have no more."""
    with _lock:
        if worker in _workers:
            _workers.remove(worker)
        hands_out = getattr(logging.Logger.callHandlers, "rask_hands_out", None)
        if not _workers and hands_out is not None:
            logging.Logger.callHandlers = hands_out


def _wrapped(hand_out: Any) -> Any:
    @functools.wraps(hand_out)
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        hand_out(self, record)
        if _workers and not getattr(_sending, "now", False):
            _forward(self, record)

    call_handlers.rask_hands_out = hand_out
    return call_handlers


def _forward(logger: logging.Logger, record: logging.LogRecord) -> None:
    # What is logged while a record is made into text would never end.
    _sending.now = True
    try:
        worker = _worker_of_record(logger)
        if worker is not None and worker.notices.admits("log"):
            worker.notices.say("log", _text_of(record))
    except Exception:  # a log line is not worth a failure
        pass
    finally:
        _sending.now = False


def _worker_of_record(logger: logging.Logger) -> Any:
    """Return the worker that this record is for: as if its handler sat on the root logger."""
    here: logging.Logger | None = logger
    while here is not None and here.parent is not None:
        if not here.propagate:
            return None
        here = here.parent
    task = running_task()
    if task is not None:
        return task.worker
    return next((worker for worker in _workers if worker.owns_process), None)


def _text_of(record: logging.LogRecord) -> str:
    try:
        return _formatter.format(record)
    except Exception:  # arguments that do not fit the message: `logging` complains on standard error
        return f"{record.levelname} {record.name}: {record.msg!r} with {shortened(repr(record.args), 500)}"
