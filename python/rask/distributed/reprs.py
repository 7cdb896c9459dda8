"""What clients, clusters, futures and facts look like in a notebook. What comes from users is escaped."""

from __future__ import annotations

from html import escape
from itertools import islice

from rask._html_table import table
from rask.sizes import format_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WORKERS_MAX = 50
"""So many workers are listed."""
KEYS_MAX = 100
"""So many keys are listed, and of those of one worker a fifth."""


def _link(address: str) -> str:
    return f'<a href="{escape(address)}" target="_blank">{escape(address)}</a>' if address else "none"


def client_html(client: Any) -> str:
    """A client: how it is connected, and its cluster."""
    if client.status != "running":
        return "<div><strong>Client</strong> <span>closed</span></div>"
    method = "Cluster object" if client.cluster is not None else "Direct"
    facts = [
        ("Connection method", method),
        ("Scheduler", escape(client.scheduler.address)),
        ("Dashboard", _link(client.dashboard_link)),
        ("Workers", _sizes(client._session.summary())),
    ]
    inside = (
        cluster_html(client.cluster)
        if client.cluster is not None
        else scheduler_html(client.scheduler_info())
    )
    return (
        f"<div><strong>Client</strong> <small>{escape(client.id)}</small>{table(facts)}"
        f"<details><summary>Cluster info</summary>{inside}</details></div>"
    )


def _sizes(summary: dict[str, Any]) -> str:
    memory = format_bytes(summary["memory_bytes"]) if summary["memory_bytes"] else "no limit"
    return f"{summary['n_workers']}, threads: {summary['n_threads']}, memory: {memory}"


def cluster_html(cluster: Any) -> str:
    """A cluster: its scheduler and workers."""
    if cluster.status.name == "closed":
        return f"<div><strong>LocalCluster</strong> {escape(cluster.name)} <span>closed</span></div>"
    kind = escape(type(cluster).__name__)
    dashboard = table([("Dashboard", _link(cluster.dashboard_link))])
    inside = dashboard + scheduler_html(cluster.scheduler_info)
    return f"<div><strong>{kind}</strong> {escape(cluster.name)}{inside}</div>"


def scheduler_html(info: dict[str, Any]) -> str:
    """A scheduler's identity, with its workers."""
    facts = [
        ("Scheduler", escape(str(info.get("address", "")))),
        ("Workers", len(info["workers"])),
        ("Threads", info.get("total_threads", 0)),
        ("Memory", format_bytes(info.get("total_memory", 0))),
    ]
    workers = [
        (
            escape(str(worker["name"])),
            escape(address),
            worker["nthreads"],
            format_bytes(worker["memory_limit"]) if worker["memory_limit"] else "no limit",
            escape(worker["status"]),
        )
        for address, worker in sorted(info["workers"].items(), key=_by_name)[:WORKERS_MAX]
    ]
    more = _more(len(info["workers"]) - len(workers), "workers")
    head = ("Worker", "Address", "Threads", "Memory limit", "Status")
    return table(facts) + (table(workers, head) if workers else "") + more


def _by_name(item: tuple[str, dict[str, Any]]) -> tuple[bool, Any]:
    """Numbers in their order, then texts in theirs."""
    name = item[1]["name"]
    return isinstance(name, str), name


def future_html(future: Any) -> str:
    """A future: status, type, key."""
    kind = future._type_name()
    type_text = f", <strong>type:</strong> {escape(kind)}" if kind else ""
    return (
        f"<strong>Future: {escape(_prefix(future.key))}</strong> "
        f"<span>status: {escape(str(future.status))}{type_text}, "
        f"<strong>key:</strong> {escape(str(future.key))}</span>"
    )


def _prefix(key: Any) -> str:
    text = str(key[0] if isinstance(key, tuple) and key else key)
    head, dash, tail = text.rpartition("-")
    return head if dash and all(digit in "0123456789abcdef" for digit in tail) else text


def who_has_html(who_has: dict[Any, tuple[str, ...]]) -> str:
    """Workers by key."""
    listed = islice(who_has.items(), KEYS_MAX)
    rows = [(escape(str(key)), len(workers), escape(", ".join(workers))) for key, workers in listed]
    return table(rows, ("Key", "Copies", "Workers")) + _more(len(who_has) - len(rows), "keys")


def has_what_html(has_what: dict[str, tuple]) -> str:
    """Keys by worker."""
    listed = islice(has_what.items(), WORKERS_MAX)
    rows = [(escape(worker), len(keys), escape(_some(keys))) for worker, keys in listed]
    return table(rows, ("Worker", "Keys held", "Keys")) + _more(len(has_what) - len(rows), "workers")


def _some(keys: tuple) -> str:
    text = ", ".join(map(str, keys[: KEYS_MAX // 5]))
    return text + " …" if len(keys) > KEYS_MAX // 5 else text


def _more(count: int, what: str) -> str:
    return f"<div>and {count:,} more {what}</div>" if count else ""
