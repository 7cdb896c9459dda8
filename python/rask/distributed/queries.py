"""What a client asks of its cluster, and what it has done on the workers outside of tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from rask.distributed.submission import worker_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask._core import Session


class WhoHas(dict):
    """Workers by key."""

    def _repr_html_(self) -> str:
        from rask.distributed.reprs import who_has_html

        return who_has_html(self)


class HasWhat(dict):
    """Keys by worker."""

    def _repr_html_(self) -> str:
        from rask.distributed.reprs import has_what_html

        return has_what_html(self)


class SchedulerInfo(dict):
    """The scheduler's identity."""

    def _repr_html_(self) -> str:
        from rask.distributed.reprs import scheduler_html

        return scheduler_html(self)


class ClusterQueries:
    """The part of `Client` that asks."""

    _session: Session
    asynchronous: bool

    def _ask(self, name: str, argument: Any = None, shape: Callable = lambda answer: answer) -> Any:
        def ask() -> Any:
            return shape(self._session.query(name, argument))

        return self._async(ask) if self.asynchronous else ask()

    def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
        """Return which workers hold values: ``{key: (address, …)}``, of these futures or keys, or of all.

        A small value, which the scheduler holds itself, is listed under the worker that made it.
        """
        return self._ask("who_has", None if futures is None else _keys(futures), WhoHas)

    def has_what(self, workers: Any = None, **kwargs: Any) -> Any:
        """Return what workers hold: ``{address: (key, …)}``."""
        asked = worker_words(workers)

        def fill(answer: dict) -> HasWhat:
            return HasWhat({**{word: () for word in asked or () if "://" in word}, **answer})

        return self._ask("has_what", asked, fill)

    def processing(self, workers: Any = None) -> Any:
        """Return what workers were given and have not finished: ``{address: (key, …)}``."""
        return self._ask("processing", worker_words(workers))

    def nthreads(self, workers: Any = None) -> Any:
        """Return the workers' threads: ``{address: n}``."""
        return self._ask("nthreads", worker_words(workers))

    ncores = nthreads

    def nbytes(self, keys: Any = None, summary: bool = True) -> Any:
        """Return the sizes of values in bytes, by prefix or (``summary=False``) by key."""
        return self._ask("nbytes", (None if keys is None else _keys(keys), summary))

    def scheduler_info(self, n_workers: int = -1, **kwargs: Any) -> SchedulerInfo:
        """Return the scheduler's identity, with all its workers."""
        return SchedulerInfo(self._session.query("identity", None))

    def story(self, *keys_or_stimuli: Any, on_error: str = "raise") -> Any:
        """Return the transitions of tasks: ``[(seconds ago, key, state, cause, worker), …]``."""
        return self._ask("story", _keys(list(keys_or_stimuli)))

    def explain(self, future: Any) -> Any:
        """Return a sentence that says why a task is not running (or where it stands)."""
        return self._ask("explain", _keys(future)[0])

    def run(
        self,
        function: Callable,
        *args: Any,
        workers: Iterable[str] | None = None,
        wait: bool = True,
        nanny: bool = False,
        on_error: str = "raise",
        **kwargs: Any,
    ) -> Any:
        """Call a function once on every worker, outside of the task system.

        Parameters
        ----------
        function : callable
            Called in each worker's process. If it has a parameter ``dask_worker``, it gets the worker.
        *args, **kwargs
            Its arguments.
        workers : list of str, optional
            Addresses or names; all by default.
        wait : bool
            Wait for the answers (False returns None at once).
        on_error : str
            ``"raise"`` the first exception, ``"return"`` exceptions in place of values, or ``"ignore"``
            failed workers.

        Returns
        -------
        dict
            Values by worker address.
        """
        if on_error not in ("raise", "return", "ignore"):
            raise ValueError(f"on_error= must be 'raise', 'return' or 'ignore', got {on_error!r}")
        if isinstance(workers, str):
            raise ValueError("workers= must be a list of addresses, not a str")
        if nanny:
            raise NotImplementedError("run(nanny=True) is not offered: rask's nannies run no Python")

        def call() -> Any:
            replies = self._session.run(function, args, kwargs, worker_words(workers), wait)
            return None if replies is None else _sort_replies(replies, on_error)

        return self._async(call) if self.asynchronous else call()

    def upload_file(self, filename: str | os.PathLike, load: bool = True) -> Any:
        """Bring a Python file (``.py``, ``.zip``, ``.egg`` or ``.whl``) to all workers, present and future,
        and make it importable.

        Returns
        -------
        dict
            ``{address: {"status": "OK"}}``.
        """
        with open(filename, "rb") as file:
            content = file.read()
        name = os.path.basename(os.fspath(filename))

        def upload() -> Any:
            replies = self._session.upload_file(name, content, load)
            return {address: {"status": "OK"} for address in _sort_replies(replies, "raise")}

        return self._async(upload) if self.asynchronous else upload()

    def retire_workers(self, workers: Any = None, close_workers: bool = True, **kwargs: Any) -> Any:
        """Let workers go once what they hold has moved to others. Returns their addresses."""

        def retire() -> Any:
            return self._session.retire_workers(
                worker_words(workers) or list(self._session.query("nthreads", None))
            )

        return self._async(retire) if self.asynchronous else retire()

    def get_versions(self, check: bool = False, packages: Any = None) -> dict[str, Any]:
        """Return the versions of Python and rask that client and workers run."""
        from rask import __version__
        from rask._python_version import PYTHON_VERSION

        workers = {
            address: {"python": worker["runtime"].removeprefix("python "), "rask": worker["version"]}
            for address, worker in self._session.query("identity", None)["workers"].items()
        }
        mine = {"python": PYTHON_VERSION, "rask": __version__}
        return {"scheduler": {"rask": __version__}, "workers": workers, "client": mine}


def _keys(futures: Any) -> list:
    """Keys of futures, or the keys themselves."""
    from rask._core import Future

    items = futures if isinstance(futures, list | set | frozenset) else [futures]
    if isinstance(futures, tuple) and any(isinstance(item, Future) for item in futures):
        items = list(futures)
    return [getattr(item, "key", item) for item in items]


def _sort_replies(replies: list[tuple[str, Any]], on_error: str) -> dict[str, Any]:
    from rask._core import Failure

    answers = {}
    for address, value in replies:
        if isinstance(value, Failure):
            if on_error == "raise":
                value.reraise()
            if on_error == "return":
                answers[address] = value.exception
            continue
        answers[address] = value
    return answers
