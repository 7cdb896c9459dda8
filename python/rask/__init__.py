"""rask: what Dask does, from a Rust core.

>>> import rask
>>> @rask.delayed
... def inc(x):
...     return x + 1
>>> inc(inc(1))  # doctest: +ELLIPSIS
Delayed('inc-...')
"""

from __future__ import annotations

import importlib

# `rask.delayed` is the function, and importing the module of that name would put the module in its place: so
# the module is imported first and the function put over it.
from rask.delayed import delayed as delayed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HOMES = {
    "__version__": ("rask._core", "__version__"),
    "annotate": ("rask.annotations", "annotate"),
    "base": ("rask.base", None),
    "compute": ("rask.base", "compute"),
    "config": ("rask.config", None),
    "core": ("rask.core", None),
    "diagnostics": ("rask.diagnostics", None),
    "distributed": ("rask.distributed", None),
    "get_annotations": ("rask.annotations", "get_annotations"),
    "highlevelgraph": ("rask.highlevelgraph", None),
    "is_dask_collection": ("rask.base", "is_dask_collection"),
    "is_rask_collection": ("rask.base", "is_dask_collection"),
    "optimize": ("rask.base", "optimize"),
    "persist": ("rask.base", "persist"),
    "tokenize": ("rask.tokenize", None),
    "visualize": ("rask.base", "visualize"),
}
"""Where the other public names live: module, and name in it or None for the module itself. Imported when
first used."""

__all__ = sorted({"delayed", *_HOMES})


def __getattr__(name: str) -> Any:
    try:
        module, inside = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    home = importlib.import_module(module)
    value = home if inside is None else getattr(home, inside)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
