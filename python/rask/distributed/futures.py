"""The less travelled methods of `Future`, which itself is part of the compiled core."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator

from rask.distributed.waiting import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask._core import Future


def type_of(future: Future) -> type | None:
    """Return the type of the result, if it is there and can be imported."""
    name = future._type_name()
    if name is None:
        return None
    module, _, inside = name.rpartition(".")
    try:
        found: Any = importlib.import_module(module or "builtins")
        for part in inside.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found if isinstance(found, type) else None


def cancel(future: Future, reason: Any, msg: Any) -> Any:
    """Give the future's task up."""
    return future.client.cancel([future], reason=reason, msg=msg)


def retry(future: Future) -> Any:
    """Run the future's task again."""
    return future.client.retry([future])


def explain(future: Future) -> Any:
    """Return a sentence that says why the future's task is not running, or what became of it."""
    return future.client.explain(future)


def add_done_callback(future: Future, function: Callable[[Future], object]) -> None:
    """Call ``function(future)`` on the client's callback thread once the future is done."""
    future.client._watcher.call_when_done(future, lambda: function(future))


async def _until_done(future: Future, timeout: Any) -> None:
    if future.done():
        return
    waiting = future.client._watcher.wake_when_done(future)
    span = seconds(timeout)
    if span is None:
        await waiting
        return
    import asyncio

    try:
        await asyncio.wait_for(waiting, span)
    except asyncio.TimeoutError as error:  # builtin only from Python 3.11 on
        raise TimeoutError(f"{future.key} timed out after {span} s.") from error


async def result_async(future: Future, timeout: Any = None) -> Any:
    """Await the future's result."""
    await _until_done(future, timeout)
    if future._is_here():
        return future._result_now()
    import asyncio

    # The value is on a worker: bringing it blocks.
    return await asyncio.get_running_loop().run_in_executor(None, future._result_now)


async def exception_async(future: Future, timeout: Any = None) -> BaseException | None:
    """Await the future's end, and return its exception."""
    await _until_done(future, timeout)
    return future._exception_now()


async def traceback_async(future: Future, timeout: Any = None) -> Any:
    """Await the future's end, and return its traceback."""
    await _until_done(future, timeout)
    error = future._exception_now()
    return None if error is None else error.__traceback__


def await_future(future: Future) -> Generator:
    """What ``await future`` runs."""
    return result_async(future).__await__()


def html(future: Future) -> str:
    """The future in a notebook."""
    from rask.distributed.reprs import future_html

    return future_html(future)
