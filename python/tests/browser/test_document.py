"""`docs/dashboard-api.md` tells the truth: the answers have the fields that it names, and no others."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote

import pytest

from .conftest import ROOT

TEXT = (ROOT / "docs" / "dashboard-api.md").read_text(encoding="utf-8")


def tables() -> dict[str, list[str]]:
    """The names in the first column of each table, by the line of text that stands before it."""
    found: dict[str, list[str]] = {}
    caption = ""
    for line in TEXT.splitlines():
        if not line.startswith("|"):
            caption = line.strip() or caption
        elif not re.match(r"\|\s*(field|path|---|:?-+)", line):
            first = line.split("|")[1]
            found.setdefault(caption, []).extend(re.findall(r"`([^`]+)`", first))
    return found


def fields(caption_part: str) -> set[str]:
    (names,) = [names for caption, names in tables().items() if caption_part in caption]
    return set(names)


def listed(pattern: str) -> list[str]:
    """Names in an object or array that is written in the text."""
    return re.findall(r'"(\w+)"', re.search(pattern, TEXT, re.DOTALL)[0])


def arrayed(pattern: str) -> list[str]:
    return re.search(pattern, TEXT)[1].split(", ")


def once(at_work, path: str, done) -> dict:
    """The answer, once it has what takes a moment to come."""
    for _ in range(200):
        if done(answer := at_work.json(path)):
            return answer
        time.sleep(0.1)
    raise AssertionError(f"never came: {answer}")


@pytest.fixture(scope="module")
def pulse(at_work):
    def is_under_way(pulse):
        ticks = any(row["prefix"] == "tick" for row in pulse["prefixes"])
        return ticks and pulse["bars"] and pulse["transfers"]

    return once(at_work, "/api/v1/status", is_under_way)


def test_a_pulse(pulse):
    assert set(pulse) == fields("to be put in the place of the row")
    assert pulse["type"] == "pulse" and pulse["full"] is True


def test_the_scheduler(pulse):
    assert set(pulse["scheduler"]) == fields("`scheduler`:")


def test_worker_rows(pulse, at_work):
    rows = [*pulse["workers"], *at_work.json("/api/v1/workers")["workers"]]
    assert len(rows) >= 4
    for row in rows:
        assert set(row) == fields("A worker row:")


def test_prefix_rows(pulse):
    assert "tick" in {row["prefix"] for row in pulse["prefixes"]}
    for row in pulse["prefixes"]:
        assert set(row) == fields("A prefix row counts")
    counts = ("waiting", "queued", "no_worker", "processing", "memory", "erred", "released", "given_up")
    for row in pulse["prefixes"]:
        assert sum(row[name] for name in counts) == row["total"], row


def test_bars_and_transfers(pulse):
    assert pulse["bars"] and pulse["transfers"]
    assert {len(bar) for bar in pulse["bars"]} == {len(arrayed(r"A bar is an array, `\[(.+?)\]`"))}
    assert {len(one) for one in pulse["transfers"]} == {len(arrayed(r"A transfer is an array, `\[(.+?)\]`"))}


def test_events(pulse, at_work):
    events = at_work.json("/api/v1/events")["events"]
    names = listed(r'`\{"number".+?\}`')
    kinds = set(re.findall(r"`([a-z]+(?:-[a-z]+)?)`", TEXT.split("## Events")[1].split("##")[0]))
    for event in [*events, *pulse["events"]]:
        assert set(event) == set(names)
        assert event["kind"] in kinds


def test_a_worker(at_work):
    row = at_work.json("/api/v1/task?key=slow-0")["workers"][0]
    answer = once(at_work, f"/api/v1/worker?name={row}", lambda answer: answer["executing"])
    section = TEXT.split("## A worker")[1].split("\n## ")[0]
    assert set(answer) == set(re.findall(r'"(\w+)"', re.search(r"gives\s`(\{.+?\})`", section, re.DOTALL)[1]))
    assert set(answer["worker"]) == fields("A worker row:")
    for name in ("executing", "assigned", "log"):
        expected = set(re.findall(r'"(\w+)"', re.search(rf"- `{name}`: `(\{{.+?\}})`", section)[1]))
        assert answer[name], name
        for one in answer[name]:
            assert set(one) == expected


def test_rows_of_tasks(at_work):
    answer = at_work.json("/api/v1/tasks?limit=3")
    assert set(answer) == {"tasks", "after", "total"}
    assert len(answer["tasks"]) == 3
    names = set(re.findall(r'"(\w+)"', re.search(r"A row is `(\{.+?\})`", TEXT, re.DOTALL)[1]))
    for row in answer["tasks"]:
        assert set(row) == names
    further = at_work.json(f"/api/v1/tasks?limit=3&after={answer['after']}")
    assert not {row["key"] for row in answer["tasks"]} & {row["key"] for row in further["tasks"]}


@pytest.mark.parametrize("key", ["total-0", "slow-0", "failing-0", "after-0", "nowhere-0", "load-1"])
def test_a_task(at_work, key):
    task = at_work.json(f"/api/v1/task?key={quote(key, safe='')}")
    rows = tables()["`/api/v1/task?key=KEY`, with the key percent-encoded, gives:"]
    section = TEXT.split("`/api/v1/task?key=KEY`, with the key percent-encoded")[1].split("\n## ")[0]
    assert set(task) == set(rows)
    for name in ("transfers", "story", "error"):
        expected = set(re.findall(r'"(\w+)"', re.search(rf"\| `{name}` \| `(\{{.+?\}})`", section)[1]))
        for one in [task[name]] if isinstance(task[name], dict) else task[name] or []:
            assert set(one) == expected
    for relative in [*task["dependencies"], *task["dependents"]]:
        assert set(relative) == {"key", "state"}


def test_the_graph(at_work):
    graph = at_work.json("/api/v1/graph")
    assert set(graph) == fields("1000 tasks of that prefix")
    assert graph["of"] == "tasks"
    section = TEXT.split("## The graph")[1].split("\n## ")[0]
    node = set(re.findall(r'"(\w+)"', re.search(r"tasks: `(\{.+?\})`", section)[1]))
    for one in graph["nodes"]:
        assert set(one) == node
        assert 0 <= one["x"] <= graph["width"] and 0 <= one["y"] <= graph["height"]
    keys = [one["key"] for one in graph["nodes"]]
    assert [keys.index("load-1"), keys.index("clean-1")] in graph["edges"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("task?key=nobody", 404), ("worker?name=nobody", 404), ("tasks?limit=0", 400), ("x", 404)],
)
def test_errors(at_work, path, status):
    found, body = at_work.get(f"/api/v1/{path}")
    assert (found, set(json.loads(body))) == (status, {"error"})
