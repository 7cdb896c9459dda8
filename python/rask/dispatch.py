"""`Dispatch`: a function whose behaviour depends on the type of its first argument, as `dask.utils.Dispatch`.

Unlike `functools.singledispatch` it can hold handlers for the types of a library that is not imported yet:
`register_lazy("numpy")` names a function that registers them, called when the first object of that library
turns up. `sizeof` and `normalize_token` are dispatches.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Dispatch:
    """A callable that hands its arguments to the handler registered for the first one's type.

    Parameters
    ----------
    name : str, optional
        The name that the dispatch shows and that error messages use.

    Examples
    --------
    >>> describe = Dispatch("describe")
    >>> @describe.register((int, float))
    ... def describe_number(x):
    ...     return "a number"
    >>> describe(3), describe(True)
    ('a number', 'a number')
    """

    def __init__(self, name: str | None = None):
        self._lookup: dict[type, Callable] = {}
        self._lazy: dict[str, Callable[[], object]] = {}
        # What was found through a base class; apart from _lookup, so that later registrations are seen.
        self._found: dict[type, Callable] = {}
        if name:
            self.__name__ = name

    def register(self, type: type | tuple[type, ...], func: Callable | None = None) -> Callable:
        """Register the handler for a type or several; without `func`, act as a decorator."""

        def wrapper(func: Callable) -> Callable:
            for t in type if isinstance(type, tuple) else (type,):
                self._lookup[t] = func
            self._found.clear()
            return func

        return wrapper if func is None else wrapper(func)

    def register_lazy(self, toplevel: str, func: Callable[[], object] | None = None) -> Callable:
        """Name a function that registers handlers, called once when a type of package `toplevel` turns up."""

        def wrapper(func: Callable[[], object]) -> Callable[[], object]:
            self._lazy[toplevel] = func
            self._found.clear()
            return func

        return wrapper if func is None else wrapper(func)

    def dispatch(self, cls: type) -> Callable:
        """Return the handler for `cls`: its own, or that of its nearest base class.

        Raises
        ------
        TypeError
            Nothing is registered for it.
        """
        handler = self._lookup.get(cls) or self._found.get(cls)
        if handler is not None:
            return handler
        mro = cls.__mro__
        while self._register_lazily(mro):
            # A lazy registration may itself bring lazy registrations.
            pass
        for base in mro:
            handler = self._lookup.get(base)
            if handler is not None:
                self._found[cls] = handler
                return handler
        raise TypeError(f"{getattr(self, '__name__', 'dispatch')}: nothing is registered for {cls}")

    def _register_lazily(self, mro: tuple[type, ...]) -> bool:
        found = False
        for base in mro:
            # A class's __module__ can be anything, since the class body may set it.
            module = base.__module__
            toplevel = module.partition(".")[0] if isinstance(module, str) else ""
            register = self._lazy.pop(toplevel, None)
            if register is not None:
                try:
                    register()
                except BaseException:
                    self._lazy[toplevel] = register
                    raise
                found = True
        return found

    def __call__(self, arg: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the handler for the type of `arg`."""
        cls = type(arg)
        handler = self._lookup.get(cls) or self._found.get(cls) or self.dispatch(cls)
        return handler(arg, *args, **kwargs)
