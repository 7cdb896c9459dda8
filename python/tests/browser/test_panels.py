"""What the panels of figures say: Progress, Workers, the header."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import SPEAK, AtWork, Visitor
from .in_process import WORKERS
from .test_connection import another, progress_of

SAY_MORE = """async (changes) => {
  const { store } = await import("/assets/store.js");
  const row = { ...store.prefixes.get("failing"), ...changes };
  store.apply({
    type: "pulse", full: false, at: store.at + 1, scheduler: store.scheduler, workers: [], workers_gone: [],
    names: {}, prefixes: [row], executing: [], bars: [], bars_from: null, transfers: [], events: [],
  });
}"""

CONTRAST = """text => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let [opacity, ground] = [1, null];
  for (let one = text; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    opacity *= Number(style.opacity);
    const [red, green, blue, alpha = 1] = rgb(style.backgroundColor);
    if (alpha === 1) ground ??= [red, green, blue];
  }
  const own = rgb(getComputedStyle(text).color).slice(0, 3);
  const seen = own.map((value, i) => value * opacity + ground[i] * (1 - opacity));
  const light = (colour) => {
    const [red, green, blue] = colour.map((value) => ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  const [one, other] = [light(seen), light(ground)];
  return Math.max(one, other) / Math.min(one, other);
}"""


def cleared_with_what_failed(visitor):
    """The page once nothing is left to do and all is cleared, and the row of what had failed."""
    page = visitor.open("/status")
    pulse = another(visitor)
    still = ("processing", "queued", "waiting", "no_worker")
    pulse["prefixes"] = [row for row in pulse["prefixes"] if not any(row[name] for name in still)]
    failing = next(row for row in pulse["prefixes"] if row["prefix"] == "failing")
    assert failing["total"] == failing["raised"] == failing["erred"]
    page.evaluate(SPEAK, pulse)
    expect(progress_of(page, "failing")).to_be_visible()
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".progress-row")).to_have_count(0)
    expect(page.locator(".progress .empty")).to_contain_text("cleared")
    return page, failing


def test_what_fails_at_once_comes_back_after_it_was_cleared(visitor):
    page, failing = cleared_with_what_failed(visitor)
    count = failing["total"]
    more = {"total": count + 5, "raised": count + 5, "erred": count + 5}
    page.evaluate(SAY_MORE, more)
    expect(progress_of(page, "failing")).to_contain_text(f"{count + 5} erred")
    expect(page.locator(".progress-row")).to_have_count(1)


def test_what_was_cleared_does_not_come_back_because_it_is_let_go(visitor):
    page, failing = cleared_with_what_failed(visitor)
    erred = failing["erred"]
    page.evaluate(SAY_MORE, {"erred": 0, "given_up": erred})
    page.wait_for_timeout(600)
    expect(page.locator(".progress-row")).to_have_count(0)
    page.evaluate(SAY_MORE, {"total": erred + 1, "given_up": erred + 1})
    expect(progress_of(page, "failing")).to_be_visible()


def test_a_cluster_without_tasks_has_cleared_nothing(visitor):
    page = visitor.open("/status")
    page.evaluate(SPEAK, another(visitor, prefixes=[]))
    expect(page.locator(".progress .empty")).to_contain_text("No tasks yet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_finished_fades_and_can_be_read(visitor, scheme):
    page = visitor.open("/status")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    row = page.locator(".progress-row.finished", has=page.locator(".progress-name", has_text="clean"))
    for part in (".progress-name", ".progress-amount", ".progress-mean"):
        expect(row.locator(part)).not_to_be_empty()
        assert row.locator(part).evaluate(CONTRAST) >= 4.5, part
    assert float(row.locator(".stack").evaluate("one => getComputedStyle(one).opacity")) < 1


def test_long_names_of_workers_stay_apart(visitor):
    page = visitor.open("/status")
    pulse = another(visitor)
    for number, row in enumerate(pulse["workers"][:2]):
        row["name"] = f"gpu-node-rack17.cluster.example.org:worker-{number:04}"
    page.evaluate(SPEAK, pulse)
    for number, row in enumerate(pulse["workers"][:2]):
        name = page.locator(".load-name", has_text=row["name"])
        end = name.locator("span").last
        expect(end).to_have_text(f"-{number:04}")
        box, whole = end.bounding_box(), name.bounding_box()
        assert box["x"] + box["width"] <= whole["x"] + whole["width"] + 0.5, "the end is cut off"
        assert name.evaluate("one => one.firstChild.scrollWidth > one.firstChild.clientWidth"), "it had room"


def test_a_worker_that_does_not_speak_is_told_from_the_others(visitor):
    page = visitor.open("/status")
    pulse = another(visitor)
    silent, *others = pulse["workers"]
    silent["last_seen"] = pulse["at"] - 12.5
    page.evaluate(SPEAK, pulse)
    marked = page.locator(".load-row.silent")
    expect(marked).to_have_count(1)
    expect(marked.locator(".load-name")).to_have_text(silent["name"])
    expect(marked.locator(".bar-cpu")).to_have_text("12 s ago")
    expect(marked).to_have_attribute("aria-label", re.compile("spoke last 12 s ago"))
    expect(page.locator(".load-rows .load-row:not(.silent)")).to_have_count(len(others))


def test_clusters_are_told_apart(visitor):
    address = visitor.at_work.json("/api/v1/status")["scheduler"]["address"]
    page = visitor.open("/status")
    expect(page).to_have_title(f"Status · rask {address.removeprefix('tcp://')}")
    expect(page.locator(".brand")).to_have_attribute("title", re.compile(re.escape(address)))
    pulse = another(visitor)
    for said, shown in (("tcp://0.0.0.0:8786", "127.0.0.1:8786"), ("tcp://[fe80::1]:1", "[fe80::1]:1")):
        pulse["scheduler"]["address"] = said
        page.evaluate(SPEAK, pulse)
        expect(page).to_have_title(f"Status · rask {shown}")


@pytest.fixture
def together(browser, tmp_path, request):
    """Before a cluster whose workers share a process."""
    at_work = AtWork(tmp_path, "in_process")
    visitor = Visitor(browser, at_work, request.node.name)
    yield visitor
    visitor.close()
    at_work.close()


SHARED = f"of the process it shares with {WORKERS - 1} others"


def test_the_process_that_workers_share_has_the_limits_of_all(together):
    page = together.open("/status")
    workers = together.at_work.json("/api/v1/workers")["workers"]
    limits = [row["memory_limit_bytes"] for row in workers]
    assert all(row["rss_bytes"] > limit for row, limit in zip(workers, limits, strict=True))
    rows = page.locator(".load-rows .load-row")
    expect(rows).to_have_count(WORKERS)
    expect(page.locator(".load-row .bar-memory[data-level=calm]")).to_have_count(WORKERS)
    expect(page.get_by_text("Workers share a process")).to_be_visible()
    expect(rows.first).to_have_attribute(
        "aria-label", re.compile(f"{SHARED} of .*CPU .* on 6 threads {SHARED}")
    )

    page.locator("#tabs").get_by_role("link", name="Workers").click()
    expect(page.locator("td .bar-memory[data-level=calm]")).to_have_count(WORKERS)
    for column in ("memory", "cpu"):
        figures = page.locator(f"td[data-column={column}] .shared")
        expect(figures).to_have_count(WORKERS)
        expect(figures.first).to_have_attribute("title", re.compile(SHARED))

    page.locator("td[data-column=name] a").first.click()
    expect(page.locator(".facts dd", has_text=SHARED)).to_have_count(2)


def test_workers_that_have_left_were_here(together):
    page = together.open("/status")
    expect(page.locator(".load-rows .load-row")).to_have_count(WORKERS)
    together.at_work.tell("all leave")
    nobody = page.locator(".loads .empty")
    expect(nobody).to_contain_text("all have left")
    page.reload()
    expect(nobody).to_contain_text("all have left")
    page.evaluate(SPEAK, another(together, events=[], names={}))
    expect(nobody).to_contain_text("has joined yet")
