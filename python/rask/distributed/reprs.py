"""What clients, clusters, futures and facts look like in a notebook. What comes from users is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from rask.sizes import format_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TABLE = 'style="border-collapse: collapse; margin: 4px 0; color: inherit; font: inherit;"'
WORKERS_MAX = 50
"""So many workers are listed."""
_CELL = 'style="text-align: left; padding: 2px 10px 2px 0; border: 0;"'


def _table(rows: Iterable[tuple[Any, ...]], head: tuple[str, ...] | None = None) -> str:
    def cells(row: tuple[Any, ...], tag: str) -> str:
        return "".join(f"<{tag} {_CELL}>{item}</{tag}>" for item in row)

    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table {_TABLE}>{top}<tbody>{body}</tbody></table>"


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
        f"<div><strong>Client</strong> <small>{escape(client.id)}</small>{_table(facts)}"
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
    dashboard = _table([("Dashboard", _link(cluster.dashboard_link))])
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
    left_out = len(info["workers"]) - len(workers)
    more = f"<div>and {left_out} more workers</div>" if left_out else ""
    head = ("Worker", "Address", "Threads", "Memory limit", "Status")
    return _table(facts) + (_table(workers, head) if workers else "") + more


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
    rows = [(escape(str(key)), len(workers), escape(", ".join(workers))) for key, workers in who_has.items()]
    return _table(rows, ("Key", "Copies", "Workers"))


def has_what_html(has_what: dict[str, tuple]) -> str:
    """Keys by worker."""
    rows = [
        (escape(worker), len(keys), escape(", ".join(map(str, keys[:20]))) + (" …" if len(keys) > 20 else ""))
        for worker, keys in has_what.items()
    ]
    return _table(rows, ("Worker", "Keys held", "Keys"))
