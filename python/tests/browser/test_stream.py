"""The task stream: what it shows while nobody looks for a bar, and where it leads who does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import SPEAK
from .test_status import COLOURS, until

DOTS_ONCE_RESIZED = """async (canvas) => {
  const box = canvas.closest(".stream-box, .graph-box");
  const width = canvas.width;
  const dots = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  };
  // Called after the page's own observer, which is older: what is there now is what will be seen.
  const seen = new Promise((resolve) => {
    new ResizeObserver(() => { if (canvas.width !== width) resolve(dots()); }).observe(box);
  });
  box.closest(".panel").style.width = `${box.clientWidth - 100}px`;
  return seen;
}"""


@pytest.mark.parametrize("path", ["/status", "/graph"])
def test_a_picture_is_there_in_each_frame_while_its_size_changes(visitor, path):
    page = visitor.open(path)
    canvas = page.locator(".stream canvas, .graph-box canvas")
    until(page, lambda: len(canvas.evaluate(COLOURS)) > 4, "a picture")
    assert canvas.evaluate(DOTS_ONCE_RESIZED) > 100


def note_and_live(page):
    return page.locator(".stream .panel-head .muted"), page.locator(".stream .live")


GONE = 77


def speak(visitor, page, *bars) -> None:
    """A whole pulse in which a worker executed this before it went, and silence after it.

    The bars end after all others, so that the table has them, and are long: they are met while time goes on.
    """
    pulse = {"type": "pulse", **visitor.at_work.json("/api/v1/status"), "names": {GONE: "1"}}
    pulse["bars"] += [[GONE, thread, "load", pulse["at"] - 19, 20, *rest] for thread, *rest in bars]
    page.evaluate(SPEAK, pulse)


def point_at(page, key: str):
    """Moves the pointer to the bar of that key."""
    box = page.locator(".stream canvas").bounding_box()
    tooltip = page.locator("#tooltip")
    for y in range(int(box["height"]) - 20, 0, -6):
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + y)
        page.wait_for_timeout(40)
        if tooltip.is_visible() and key in tooltip.inner_text():
            return tooltip
    raise AssertionError(f"{key} was not met")


def test_what_was_lost_with_its_worker(visitor):
    page = visitor.open("/status")
    speak(
        visitor,
        page,
        (0, 20, 1, 0, "cut-0", 1),
        (1, 12, 9, 0, "cut-1", 1),
        (2, 20, 1, 0, "whole-0"),
    )
    expect(point_at(page, "cut-0")).to_contain_text("lost with its worker after 20.0 s")
    expect(point_at(page, "cut-1")).to_contain_text("1 of them lost with the worker")
    expect(point_at(page, "whole-0")).not_to_contain_text("lost")
    page.locator(".stream summary").click()
    rows = page.locator(".stream tbody tr")
    expect(rows.filter(has_text="cut-0")).to_contain_text("1, lost with its worker")
    expect(rows.filter(has_text="cut-1")).to_contain_text("9, 1 lost with the worker")


def test_a_worker_that_is_gone_is_told_from_one_of_its_name(visitor):
    page = visitor.open("/status")
    speak(visitor, page, (0, 20, 1, 0, "whole-0", 0))
    expect(point_at(page, "whole-0")).to_contain_text("1 (gone), thread 0")
    page.locator(".stream summary").click()
    row = page.locator(".stream tbody tr", has_text="whole-0")
    expect(row.locator("td").nth(1)).to_have_text("1 (gone)")


def test_zooming_at_a_bar_does_not_lose_it(visitor):
    """Small turns, each of which leaves what is under the pointer in view, but all together do not."""
    page = visitor.open("/status")
    note, live = note_and_live(page)
    speak(visitor, page, (0, 20, 1, 0, "whole-0", 0))
    tooltip = point_at(page, "whole-0")
    for _ in range(8):
        page.mouse.wheel(0, -100)
    expect(live).to_have_attribute("aria-pressed", "false")
    expect(note).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d, 2\.\d\d s$"))
    expect(tooltip).to_contain_text("whole-0")


CLOCK = """async () => {
  const { store } = await import("/assets/store.js");
  return { now: store.now(), at: store.at };
}"""


def test_time_stands_still_while_nobody_speaks(visitor):
    sockets, is_lost = [], False

    def connect(socket):
        sockets.append(socket)
        if is_lost:
            socket.close(code=1011)
        else:
            socket.connect_to_server()

    visitor.page.goto(visitor.at_work.link)
    visitor.page.route_web_socket("**/api/v1/live", connect)
    page = visitor.open("/status")
    note, live = note_and_live(page)
    stream = page.locator(".stream canvas")
    until(page, lambda: len(stream.evaluate(COLOURS)) > 4, "bars")
    expect(note).to_have_text("last 30.0 s")
    is_lost = True
    sockets[-1].close(code=1011)
    expect(page.locator("#connection")).to_have_text("reconnecting")
    expect(live).to_have_attribute("aria-pressed", "false")
    expect(note).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d, 30\.0 s$"))
    before = stream.evaluate("canvas => canvas.toDataURL()")
    page.wait_for_timeout(1500)
    assert stream.evaluate("canvas => canvas.toDataURL()") == before
    clock = page.evaluate(CLOCK)
    assert clock["now"] == clock["at"]
    is_lost = False
    expect(live).to_have_attribute("aria-pressed", "true")
    until(page, lambda: stream.evaluate("canvas => canvas.toDataURL()") != before, "another picture")
    expect(page.locator("#connection")).to_have_text("live")


def test_who_comes_back_finds_what_was_looked_at(visitor):
    page = visitor.open("/status")
    note, live = note_and_live(page)
    stream = page.locator(".stream canvas")
    expect(note).to_have_text("last 30.0 s")
    stream.focus()
    page.keyboard.press("+")
    expect(note).to_have_text("last 21.4 s")
    page.locator("#tabs a", has_text="Workers").click()
    page.go_back()
    expect(note).to_have_text("last 21.4 s")
    stream.focus()
    page.keyboard.press("ArrowLeft")
    expect(live).to_have_attribute("aria-pressed", "false")
    looked_at = note.inner_text()
    page.locator(".stream summary").click()
    page.locator(".stream tbody a.key", has_text="slow-0").click()
    page.wait_for_url(re.compile(r"/task\?key=.+"))
    page.go_back()
    expect(note).to_have_text(looked_at)
    expect(live).to_have_attribute("aria-pressed", "false")
