"""The link to the dashboard as users are told it: a proxy may show it elsewhere than it is served."""

from __future__ import annotations

import warnings

__all__ = ["told_link"]


def told_link(served: str) -> str:
    """Return the link for browsers, by the setting ``distributed.dashboard.link``.

    Parameters
    ----------
    served : str
        Link to where the dashboard itself is served, with its token; empty if there is none.

    Returns
    -------
    str
        The filled setting with the same token; `served`, with a warning, if it cannot be filled.
    """
    from rask import config
    from rask._core import told_dashboard_link

    try:
        return told_dashboard_link(served, str(config.get("distributed.dashboard.link") or ""))
    except ValueError as error:
        warnings.warn(f"{error}; the dashboard's own address is given instead", stacklevel=3)
        return served
