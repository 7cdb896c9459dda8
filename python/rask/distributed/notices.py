"""`print` and `warn` for tasks: what they say appears where the clients are."""

from __future__ import annotations

import builtins
import contextlib
import io
import sys
import threading
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

__all__ = ["print", "warn"]


def print(
    *args: Any,
    sep: str | None = " ",
    end: str | None = "\n",
    file: TextIO | None = None,
    flush: bool = False,
) -> None:
    """Print where the clients are, and on the worker as well.

    In a task it prints on the worker, and in each client of the cluster. Outside of tasks it is the builtin
    `print`. A worker that prints without end has its lines dropped and counted.

    Parameters
    ----------
    *args, sep, end, flush
        As of the builtin.
    file : optional
        ``sys.stdout`` (the default) or ``sys.stderr``, as no other file is there where the clients are.

    Examples
    --------
    >>> from rask.distributed import Client, print
    >>> def work(x):
    ...     print("working on", x)
    ...     return x
    >>> with Client(processes=False) as client:
    ...     client.submit(work, 1).result()
    working on 1
    1
    """
    from rask.distributed.worker import running_task

    task = running_task()
    if task is None:
        builtins.print(*args, sep=sep, end=end, file=file, flush=flush)
        return
    if file is not None and file is not sys.stdout and file is not sys.stderr:
        raise TypeError(
            "Remote printing to arbitrary file objects is not supported. file kwarg must be one of None, "
            f"sys.stdout, or sys.stderr; got: {file!r}"
        )
    buffer = io.StringIO()
    builtins.print(*args, sep=sep, end=end, file=buffer)
    if file is not None and file is sys.stderr:
        # Clients know no second stream: what is meant for it is printed on the worker alone.
        builtins.print(buffer.getvalue(), end="", file=file, flush=flush)
        return
    if not task.worker.prints_at_client:
        builtins.print(buffer.getvalue(), end="", file=file, flush=flush)
    task.worker.notices.say("print", buffer.getvalue())


def warn(
    message: str | Warning,
    category: type[Warning] | None = UserWarning,
    stacklevel: int = 1,
    source: Any = None,
) -> None:
    """Warn where the clients are, and on the worker as well.

    In a task it warns on the worker, and in each client of the cluster, whose own filters decide whether it
    is shown. Outside of tasks it is `warnings.warn`, whose parameters these are.
    """
    from rask.distributed.worker import running_task

    task = running_task()
    if task is None or not task.worker.prints_at_client:
        warnings.warn(message, category, stacklevel=stacklevel + 1, source=source)
    if task is None:
        return
    kind = type(message) if isinstance(message, Warning) else (category or UserWarning)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    task.worker.notices.say("warn", f"{name}: {message}")


_registry: dict[Any, Any] = {}
"""What `warnings` has shown: by default it shows the same warning once."""


# --- in the client's process -------------------------------------------------------------------------------


def start_showing(notices: Any) -> threading.Thread:
    """Show what comes for the user's eyes, on a thread that sleeps until something does."""
    thread = threading.Thread(target=_show_all, args=(notices,), name="rask-notices", daemon=True)
    thread.start()
    return thread


def _show_all(notices: Any) -> None:
    while (batch := notices.take()) is not None:
        for topic, text in batch:
            # An output may be closed, or not take the text.
            with contextlib.suppress(Exception):
                _show(topic, text)


def _show(topic: str, text: str) -> None:
    if topic == "print":
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    elif topic == "warn":
        name, _, said = text.partition(": ")
        category = _category(name)
        try:
            warnings.warn_explicit(
                said if category is not None else text,
                category or UserWarning,
                filename="<rask task>",
                lineno=1,
                registry=_registry,
            )
        except Warning as error:
            # The filters make errors of it, and there is nobody here to raise them to.
            builtins.print(f"{type(error).__name__}: {error}", file=sys.stderr)


def _category(name: str) -> type[Warning] | None:
    """Return the class of that name, if it is known here; nothing is imported for it."""
    module, _, inside = name.rpartition(".")
    found: Any = sys.modules.get(module or "builtins")
    for part in inside.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else None
