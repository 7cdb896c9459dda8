"""Watching local computations: ``with ProgressBar(): x.compute()``.

For futures on a cluster there is `rask.distributed.progress`, and the cluster's dashboard.
"""

from __future__ import annotations

from rask.diagnostics.progress_bar import ProgressBar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ProgressBar"]

_MISSING = {
    "CacheProfiler": "There is no opportunistic cache whose content it could record.",
    "Callback": "Tasks are run many in one go, and no function is called for each. ProgressBar shows how far "
    "a computation is; done callbacks of futures tell of single tasks.",
    "Profiler": "The dashboard's task stream shows what ran where and when: Client(...).dashboard_link.",
    "ResourceProfiler": "The dashboard shows the CPU and memory of each worker: Client(...).dashboard_link.",
    "visualize": "The dashboard's task stream shows what ran where and when; rask.visualize draws graphs.",
}
"""Names of Dask's `diagnostics`, each with the nearest thing that works."""


def __getattr__(name: str) -> Any:
    if name in _MISSING:
        raise NotImplementedError(f"rask.diagnostics.{name} is not offered. {_MISSING[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
