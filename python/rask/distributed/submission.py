"""What a client sends to its cluster and gets back from it: calls, graphs, values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping

from rask._core import Delayed, Failure, Future, TaskOptions, delayed_futures
from rask.core import flatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rask._core import Session


def task_options(
    workers: Any = None,
    allow_other_workers: bool = False,
    resources: dict[str, float] | None = None,
    retries: int | None = None,
    priority: int = 0,
) -> Any:
    """Check the options of a call and return them as the core takes them, or None if there are none."""
    if not isinstance(allow_other_workers, bool):
        raise TypeError(f"allow_other_workers= must be True or False, got {allow_other_workers!r}")
    if allow_other_workers and workers is None:
        raise ValueError("allow_other_workers=True says nothing without workers=")
    if not isinstance(priority, int | float) or isinstance(priority, bool):
        raise TypeError(f"priority= must be a number, got {priority!r}")
    if workers is None and not resources and not retries and not priority:
        return None
    return TaskOptions(
        workers=worker_words(workers) or [],
        allow_other_workers=allow_other_workers,
        resources=[(str(name), float(amount)) for name, amount in sorted((resources or {}).items())],
        retries=int(retries or 0),
        priority=int(priority),
    )


def worker_words(workers: Any) -> list[str] | None:
    """Return addresses, names or hosts of workers as a list of str; None for all workers."""
    if workers is None:
        return None
    if isinstance(workers, str | int):
        workers = [workers]
    return [str(word) for word in workers]


class Submission:
    """The part of `Client` that makes tasks of things and things of tasks."""

    _session: Session
    asynchronous: bool

    def submit(
        self,
        func: Callable,
        *args: Any,
        key: Any = None,
        workers: Any = None,
        resources: dict[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        fifo_timeout: Any = "100 ms",
        allow_other_workers: bool = False,
        actor: bool = False,
        actors: bool = False,
        pure: bool | None = None,
        **kwargs: Any,
    ) -> Future:
        """Run a function on the cluster.

        Parameters
        ----------
        func : callable
            The function.
        *args, **kwargs
            Its arguments. Futures among them, also inside lists, tuples, sets and dicts, are replaced by
            their values.
        key : str, bytes, int, float or tuple, optional
            Name of the task; made from function and arguments if not given.
        workers : str, int, or iterable of them, optional
            Addresses, names or hosts of the workers that may run it.
        allow_other_workers : bool
            `workers` is only a preference.
        resources : dict, optional
            Abstract resources that it occupies while it runs.
        retries : int, optional
            How often to run it again when it raises.
        priority : int
            Higher runs sooner.
        pure : bool
            Equal calls with equal arguments are one task (the default). Pass False for functions of chance
            or effect.

        Returns
        -------
        Future

        Raises
        ------
        TypeError
            If the function or an argument cannot be pickled; the message names the part.

        Examples
        --------
        >>> from rask.distributed import Client
        >>> with Client(processes=False) as client:
        ...     x = client.submit(pow, 2, 3)
        ...     client.submit(sum, [x, 1]).result()
        9
        """
        if not callable(func):
            raise TypeError("First input to submit must be a callable function")
        _refuse_actors(actor or actors)
        pure = _pure(pure)
        options = task_options(workers, allow_other_workers, resources, retries, priority)
        return self._session.submit(func, args, kwargs, key, pure, options)

    def map(
        self,
        func: Callable,
        *iterables: Iterable,
        key: Any = None,
        workers: Any = None,
        retries: int | None = None,
        resources: dict[str, float] | None = None,
        priority: int = 0,
        allow_other_workers: bool = False,
        fifo_timeout: Any = "100 ms",
        actor: bool = False,
        actors: bool = False,
        pure: bool | None = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> list[Future]:
        """Run a function on every element of some iterables.

        Parameters
        ----------
        func : callable
            The function; called with one element of each iterable.
        *iterables : iterable
            Lists, ranges, arrays …; as many calls are made as the shortest has elements. Elements may be
            futures.
        key : str or list, optional
            What keys begin with, or one key for each call.
        batch_size : int, optional
            Accepted as Dask does; submission is streamed anyway.
        **kwargs
            The same for all calls.

        Other parameters are those of `submit`.

        Returns
        -------
        list of Future

        Examples
        --------
        >>> from rask.distributed import Client
        >>> with Client(processes=False) as client:
        ...     client.gather(client.map(pow, [1, 2, 3], [2, 2, 2]))
        [1, 4, 9]
        """
        if not callable(func):
            raise TypeError("First input to map must be a callable function")
        if not iterables:
            raise ValueError("map needs at least one iterable")
        if any(isinstance(one, Iterator) or _is_queue(one) for one in iterables):
            raise TypeError("map over iterators and queues is not supported: make a list of them first")
        _refuse_actors(actor or actors)
        pure = _pure(pure)
        options = task_options(workers, allow_other_workers, resources, retries, priority)
        columns = tuple(one if type(one) in (list, tuple) else list(one) for one in iterables)
        keys = key if key is None or isinstance(key, str) else list(key)
        return self._session.map(func, columns, kwargs, keys, pure, options)

    def gather(
        self,
        futures: Any,
        errors: str = "raise",
        direct: bool | None = None,
        asynchronous: bool | None = None,
    ) -> Any:
        """Bring values from the cluster.

        Parameters
        ----------
        futures : Future, or list, tuple, set or dict that holds futures, nested as you like
            What to bring. Anything else in it stays as it is.
        errors : str
            ``"raise"`` the exception of a failed task, or ``"skip"`` failed ones.

        Returns
        -------
        The same structure with values in place of futures.
        """
        if errors not in ("raise", "skip"):
            raise ValueError(f"errors= must be 'raise' or 'skip', got {errors!r}")
        if isinstance(futures, Iterator) and not hasattr(futures, "__dask_graph__"):
            return (self.gather(future, errors=errors, direct=direct) for future in futures)
        if self.asynchronous if asynchronous is None else asynchronous:
            return self._gather_async(futures, errors)
        gathered = self._gather(futures, errors)
        if isinstance(gathered, Failure):
            # The traceback keeps this frame alive; the futures must not stay with it, or the failed call
            # would count as held.
            del futures
            gathered.reraise()
        return gathered

    def _gather(self, nested: Any, errors: str) -> Any:
        """What `gather` returns, or the failure that it is to raise."""
        if type(nested) is list and all(type(item) is Future for item in nested):
            return self._session.gather(nested, errors)
        found = _futures_within(nested)
        values = self._session.gather(list(found.values()), "return")
        return _rebuild(nested, dict(zip(found, values, strict=True)), errors)

    async def _gather_async(self, nested: Any, errors: str) -> Any:
        watcher = self._watcher
        for future in _futures_within(nested).values():
            if not future.done():
                await watcher.wake_when_done(future)
        gathered = await self._async(self._gather, nested, errors)
        if isinstance(gathered, Failure):
            del nested
            gathered.reraise()
        return gathered

    def scatter(
        self,
        data: Any,
        workers: Any = None,
        broadcast: bool | int = False,
        direct: bool | None = None,
        hash: bool = True,
        timeout: float | str | None = None,
        asynchronous: bool | None = None,
    ) -> Any:
        """Bring values of this program to the cluster.

        Parameters
        ----------
        data : list, tuple, set, dict, range, or any other object
            A list (tuple, set, range) becomes as many futures, a dict a dict of futures under its own keys,
            any other object one future.
        workers : str, int, or iterable of them, optional
            Addresses, names or hosts of the workers that may hold them.
        broadcast : bool
            Bring each to all of those workers.
        hash : bool
            Equal values get equal keys, so that they are sent once.

        Returns
        -------
        Future, or a list, tuple, set or dict of them
        """
        if isinstance(data, Iterator):
            raise TypeError(f"scatter of {type(data).__name__} is not supported: make a list of it first")
        if self.asynchronous if asynchronous is None else asynchronous:
            return self._async(self._scatter, data, workers, broadcast, hash)
        return self._scatter(data, workers, broadcast, hash)

    def _scatter(self, data: Any, workers: Any, broadcast: bool | int, hash: bool) -> Any:
        send = self._session.scatter
        words, everywhere = worker_words(workers) or [], bool(broadcast)
        if isinstance(data, dict):
            futures = send(list(data.values()), list(data), hash, words, everywhere)
            return dict(zip(data, futures, strict=True))
        if isinstance(data, list | tuple | set | frozenset) and type(data).__module__ == "builtins":
            return type(data)(send(list(data), None, hash, words, everywhere))
        if isinstance(data, range):
            return send(list(data), None, hash, words, everywhere)
        return send([data], None, hash, words, everywhere)[0]

    # --- collections and graphs ---

    def compute(
        self,
        collections: Any,
        sync: bool = False,
        optimize_graph: bool = True,
        workers: Any = None,
        allow_other_workers: bool = False,
        resources: dict[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        fifo_timeout: Any = "60s",
        actors: Any = None,
        traverse: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Compute collections on the cluster.

        Parameters
        ----------
        collections : Delayed or other collection, or a list, tuple or dict of them
            What to compute.
        sync : bool
            Return values rather than futures.

        Other parameters are those of `submit`.

        Returns
        -------
        A future for a single collection, a list for a list. What is no collection is returned as it is.
        """
        from rask.distributed.collections import compute_on

        _refuse_actors(bool(actors))
        options = task_options(workers, allow_other_workers, resources, retries, priority)
        result = compute_on(self, collections, options, optimize_graph, traverse)
        return self.gather(result) if sync else result

    def persist(
        self,
        collections: Any,
        optimize_graph: bool = True,
        workers: Any = None,
        allow_other_workers: bool = False,
        resources: dict[str, float] | None = None,
        retries: int | None = None,
        priority: int = 0,
        fifo_timeout: Any = "60s",
        actors: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Start computing collections; return collections of the same kind that stand for the results.

        Parameters are those of `compute`.
        """
        from rask.distributed.collections import persist_on

        _refuse_actors(bool(actors))
        options = task_options(workers, allow_other_workers, resources, retries, priority)
        return persist_on(self, collections, options, optimize_graph)

    def get(
        self,
        dsk: Mapping,
        keys: Any,
        workers: Any = None,
        allow_other_workers: bool = False,
        resources: dict[str, float] | None = None,
        sync: bool = True,
        asynchronous: bool | None = None,
        direct: bool | None = None,
        retries: int | None = None,
        priority: int = 0,
        fifo_timeout: Any = "60s",
        actors: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compute some keys of a graph.

        Parameters
        ----------
        dsk : dict
            The graph: ``{"y": (inc, "x"), "x": 1}``.
        keys : key, or list of keys, nested as you like
            What to compute.
        sync : bool
            Return values rather than futures.

        Returns
        -------
        Values or futures, nested as `keys` is.
        """
        options = task_options(workers, allow_other_workers, resources, retries, priority)
        if hasattr(dsk, "__dask_graph__"):
            dsk = dsk.__dask_graph__()
        futures = self._session.compute_graph(dict(dsk), list(flatten([keys])), options)
        packed = packed_as(keys, iter(futures))
        if not sync:
            return packed
        return self.gather(packed, asynchronous=asynchronous)

    # --- second thoughts ---

    def cancel(
        self,
        futures: Any,
        asynchronous: bool | None = None,
        force: bool = False,
        reason: str | None = None,
        msg: str | None = None,
    ) -> Any:
        """Give up tasks. A function that is running is not interrupted; its result is dropped.

        Parameters
        ----------
        futures : Future, or list or dict of them
            Which. Tasks that wait for them are given up, too.
        force : bool
            Also if other clients want them.
        reason, msg : str, optional
            Words for whoever waits.
        """
        from rask.distributed.client import futures_of

        words = " ".join(word for word in (reason, msg) if word)
        self._session.cancel(futures_of(futures), force, words)
        return self._async(_nothing) if self.asynchronous else None

    def retry(self, futures: Any, asynchronous: bool | None = None) -> Any:
        """Run failed tasks again, and the failed tasks that they depend on."""
        from rask.distributed.client import futures_of

        self._session.retry(futures_of(futures))
        return self._async(_nothing) if self.asynchronous else None


def _nothing() -> None:
    return None


def _pure(given: bool | None) -> bool:
    return True if given is None else bool(given)


def _refuse_actors(asked: bool) -> None:
    if asked:
        raise NotImplementedError(
            "actors are not offered yet: keep the state in the values that tasks return"
        )


def _is_queue(obj: Any) -> bool:
    import sys

    queue = sys.modules.get("queue")
    return queue is not None and isinstance(obj, queue.Queue)


def warn_if_large(nbytes: int) -> None:
    """Warn once per call of arguments so large that they should travel by `scatter`."""
    from rask import config
    from rask.sizes import format_bytes, parse_bytes

    if nbytes > parse_bytes(config.get("distributed.admin.large-graph-warning-threshold", "10MB")):
        warnings.warn(
            f"Sending large graph of size {format_bytes(nbytes)}.\n"
            "This may cause some slowdown: large arguments travel with every call that names them. "
            "Send them once with\n"
            "    future = client.scatter(big)\n    client.submit(func, future)",
            stacklevel=4,
        )


def _futures_within(nested: Any) -> dict[int, Future]:
    """Futures in nested lists, tuples, sets and dicts, by id, in order."""
    found: dict[int, Future] = {}
    stack = [nested]
    while stack:
        item = stack.pop()
        if isinstance(item, Future):
            found.setdefault(id(item), item)
        elif isinstance(item, Delayed):
            for future in delayed_futures(item):
                found.setdefault(id(future), future)
        elif type(item) in (list, tuple, set, frozenset):
            stack.extend(reversed(list(item)))
        elif type(item) is dict:
            stack.extend(reversed(list(item.values())))
    return found


class _Left:
    """Marks what is left out with errors="skip"."""


def _rebuild(nested: Any, values: dict[int, Any], errors: str) -> Any:
    """The structure with values; the failed raise or are left out (None in dicts and on their own)."""
    failures: list[Failure] = []

    def value_of(item: Any) -> Any:
        if isinstance(item, Future):
            value = values[id(item)]
            if isinstance(value, Failure):
                failures.append(value)
                return _Left
            return value
        if isinstance(item, Delayed):
            futures = delayed_futures(item)
            return value_of(futures[0]) if len(futures) == 1 else item
        if type(item) in (list, tuple, set, frozenset):
            return type(item)(value for value in map(value_of, item) if value is not _Left)
        if type(item) is dict:
            return {key: _none_if_left(value_of(value)) for key, value in item.items()}
        return item

    rebuilt = _none_if_left(value_of(nested))
    return failures[0] if failures and errors == "raise" else rebuilt


def _none_if_left(value: Any) -> Any:
    return None if value is _Left else value


def packed_as(keys: Any, values: Iterator) -> Any:
    """Nest values as the keys are nested that they belong to."""
    if isinstance(keys, list):
        return [packed_as(key, values) for key in keys]
    return next(values)
