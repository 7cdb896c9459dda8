"""`annotate`: say of the tasks made inside a `with` block how they are to be run.

>>> with annotate(priority=10):
...     with annotate(retries=2):
...         get_annotations()
{'priority': 10, 'retries': 2}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["annotate", "get_annotations"]

current: ContextVar[tuple[dict[str, Any], Any] | None] = ContextVar("rask_annotations", default=None)
"""The annotations in force and the same of the block around; None outside all blocks.

For code that makes many tasks and need not copy a dict for each. What it holds is replaced, never changed, so
that threads and asyncio tasks can share it safely.
"""


def get_annotations() -> dict[str, Any]:
    """Return the annotations in force here, the inner ones over the outer ones.

    Returns
    -------
    dict
        A new dict; changing it changes nothing else.

    Examples
    --------
    >>> get_annotations()
    {}
    """
    innermost = current.get()
    return dict(innermost[0]) if innermost else {}


def _check(annotations: dict[str, Any]) -> None:
    """Raise for values that the scheduler could make nothing of, where the user can still see why."""

    def refuse(name: str, wanted: str) -> TypeError:
        return TypeError(f"'{name}' annotation must be {wanted}, but got {annotations[name]!r}")

    for name in ("priority", "retries"):
        value = annotations.get(name, 0)
        if not (isinstance(value, (int, float)) or callable(value) or _is_number(value)):
            raise refuse(name, "a Number or a callable")
    if "workers" in annotations:
        workers = annotations["workers"]
        if isinstance(workers, str):
            annotations["workers"] = [workers]
        elif isinstance(workers, (list, tuple, set, frozenset)):
            annotations["workers"] = list(workers)
        elif not callable(workers):
            raise refuse("workers", "a sequence of str, a str or a callable")
    if "resources" in annotations:
        resources = annotations["resources"]
        if not (isinstance(resources, Mapping) or callable(resources)):
            raise refuse("resources", "a dict")
    if "allow_other_workers" in annotations:
        allow = annotations["allow_other_workers"]
        if not (isinstance(allow, bool) or callable(allow)):
            raise refuse("allow_other_workers", "a bool or a callable")


def _is_number(value: object) -> bool:
    # Decimals, fractions and the scalars of NumPy; seldom enough to look them up only here.
    from numbers import Number

    return isinstance(value, Number)


class annotate:
    """Annotate the tasks made inside a `with` block, or inside the function that this decorates.

    Blocks nest; an inner annotation replaces an outer one of the same name. Each thread and each asyncio task
    has its own; an asyncio task begins with those of the code that created it.

    Parameters
    ----------
    priority : number or callable
        Tasks of higher priority run sooner. A callable, here and below, gets a task's key and returns the
        value.
    workers : str, sequence of str, or callable
        Where the tasks may run: addresses, names or host names.
    allow_other_workers : bool or callable
        Take `workers` as a preference only.
    resources : dict or callable
        What each task occupies while it runs, as `{"GPU": 1}`.
    retries : int or callable
        How often a task that raises is run again.
    **annotations
        Any other name and value, for plugins.

    Raises
    ------
    TypeError
        One of the values above is of another type.

    Examples
    --------
    >>> with annotate(workers="alice", resources={"GPU": 1}):
    ...     get_annotations()
    {'workers': ['alice'], 'resources': {'GPU': 1}}
    """

    __slots__ = ("_annotations",)

    def __init__(self, **annotations: Any):
        _check(annotations)
        self._annotations = annotations

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._annotations.items())
        return f"annotate({inside})"

    def __enter__(self) -> None:
        current.set(({**get_annotations(), **self._annotations}, current.get()))

    def __exit__(self, *exc_info: object) -> None:
        innermost = current.get()
        # Nothing is kept in self, since one annotate may be in use in several threads at once.
        current.set(innermost[1] if innermost else None)

    def __call__(self, func: Callable) -> Callable:
        from functools import wraps

        @wraps(func)
        def annotated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return annotated
