"""The Status page: what it shows is there, moves, and answers to pointer and keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from . import hostile

COLOURS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Map();
  for (let i = 0; i < data.length; i += 4) {
    const colour = `${data[i]} ${data[i + 1]} ${data[i + 2]} ${data[i + 3]}`;
    seen.set(colour, (seen.get(colour) ?? 0) + 1);
  }
  return Object.fromEntries([...seen].filter(([, count]) => count > 20));
}"""


def until(page: Page, done, what: str):
    for _ in range(200):
        if found := done():
            return found
        page.wait_for_timeout(100)
    raise AssertionError(f"never came: {what}")


@pytest.fixture
def page(visitor):
    """The page once it has its shape: a click meets what it is meant for."""
    page = visitor.open("/status")
    expect(page.locator(".progress-row").first).to_be_visible()
    return page


@pytest.fixture
def stream(page):
    """The task stream with something in it."""
    stream = page.locator(".stream canvas")
    until(page, lambda: len(stream.evaluate(COLOURS)) > 4, "bars of several colours")
    return stream


def test_the_totals(page):
    totals = page.locator("#totals")
    expect(totals).to_contain_text(re.compile(r"Workers[23]"))
    expect(totals).to_contain_text("Threads")
    rate = totals.locator("div", has_text="Tasks/s").locator("dd")
    expect(rate).to_have_text(re.compile(r"[1-9]"))


def test_a_row_for_each_worker(page):
    rows = page.locator(".load-rows .load-row")
    expect(rows.filter(has=page.locator(".load-name", has_text=re.compile("^[01]$")))).to_have_count(2)
    expect(rows.first).to_have_attribute("aria-label", re.compile("managed.*processing.*CPU"))
    # The one that executes what waits for the gate.
    busy = rows.filter(has=page.locator(".bar-processing .bar-text", has_text=re.compile("[1-9]")))
    expect(busy.first).to_be_visible()


def test_workers_are_sorted_by_what_one_asks_for(page):
    button = page.locator(".load-head button", has_text="Processing")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_the_stream_moves(page, stream):
    before = stream.evaluate(COLOURS)
    until(page, lambda: stream.evaluate(COLOURS) != before, "another picture")


def find_bar(page, stream):
    """Moves the pointer until there is a tooltip."""
    box = stream.bounding_box()
    tooltip = page.locator("#tooltip")
    for y in range(6, int(box["height"]) - 20, 8):
        for x in range(int(box["width"]) - 10, 60, -23):
            page.mouse.move(box["x"] + x, box["y"] + y)
            page.wait_for_timeout(30)
            if tooltip.is_visible():
                return tooltip
    raise AssertionError("no bar was met")


def test_hovering_over_a_bar_names_it(page, stream):
    page.keyboard.press("Tab")  # the pointer is not all there is
    tooltip = find_bar(page, stream)
    expect(tooltip).to_contain_text(re.compile(r"thread \d|→"))
    expect(tooltip).to_contain_text(re.compile(r"\d (µs|ms|s)"))


def test_what_still_executes_is_in_the_stream(page, stream):
    """The task that waits for the gate: nothing of it has ended, yet its thread is not white."""
    page.locator(".stream summary").click()
    first = page.locator(".stream table tbody tr").first
    expect(first).to_contain_text(re.compile(r"slow-0.* s so far.*executing"))
    page.locator(".stream summary").click()
    box, tooltip = stream.bounding_box(), page.locator("#tooltip")
    for y in range(6, int(box["height"]) - 20, 4):
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + y)
        page.wait_for_timeout(50)
        if tooltip.is_visible() and "slow-0" in tooltip.inner_text():
            break
    expect(tooltip).to_contain_text(re.compile(r"executing for .* s so far"))


def test_a_bar_leads_to_its_task(visitor, page, stream):
    visitor.complaints.expected = "404"  # it may be forgotten by then
    # Standing still, so that the bar stays under the pointer.
    stream.focus()
    page.keyboard.press("ArrowLeft")
    find_bar(page, stream)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(re.compile(r"/task\?key=.+"))
    expect(page.locator("h1.key")).not_to_be_empty()
    expect(page.locator("#tooltip")).to_be_hidden()


def test_zooming_and_coming_back(page, stream):
    note, live = page.locator(".stream .panel-head .muted"), page.locator(".stream .live")
    expect(note).to_have_text("last 30.0 s")
    box = stream.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 20)
    page.mouse.wheel(0, -300)
    expect(note).to_have_text(re.compile(r"last (1\d|[1-9])\."))
    expect(live).to_have_attribute("aria-pressed", "true")
    stream.focus()
    page.keyboard.press("ArrowLeft")
    expect(live).to_have_attribute("aria-pressed", "false")
    still = note.inner_text()
    page.keyboard.press("-")
    expect(note).not_to_have_text(still)
    page.keyboard.press("0")
    expect(live).to_have_attribute("aria-pressed", "true")
    expect(note).to_have_text("last 30.0 s")


def test_marking_a_part_shows_it(page, stream):
    box = stream.bounding_box()
    note = page.locator(".stream .panel-head .muted")
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 300, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 20, steps=4)
    expect(page.locator(".selection")).to_be_visible()
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.locator(".selection")).to_be_hidden()
    expect(note).to_have_text(re.compile(r"\d\d:\d\d:\d\d\.\d, [2-6]\.\d\d s"))


def test_dragging_moves_it(page, stream):
    box = stream.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(page.locator(".stream .live")).to_have_attribute("aria-pressed", "false")
    page.locator(".stream .live").click()
    expect(page.locator(".stream .live")).to_have_attribute("aria-pressed", "true")


def test_the_stream_as_a_table(page, stream):
    page.locator(".stream summary").click()
    rows = page.locator(".stream tbody tr", has_not_text="executing")
    expect(rows.first).to_contain_text("tick")
    first = rows.first.inner_text()
    until(page, lambda: rows.first.inner_text() != first, "a newer execution")


def test_progress_counts_and_clears(page):
    row = page.locator(".progress-row", has=page.locator(".progress-name", has_text="failing"))
    erred = f"{len(hostile.ALL)} erred"
    expect(row).to_contain_text(erred)
    expect(row.locator(".stack")).to_have_attribute("aria-label", re.compile(erred))
    waiting = page.locator(".progress-row", has=page.locator(".progress-name", has_text="after"))
    expect(waiting).to_contain_text("1 waiting")
    expect(page.locator(".progress-row", has_text="nowhere")).to_contain_text("no-worker")
    expect(page.locator(".progress-row", has_text="vain")).to_contain_text("3 given-up")
    names = page.locator(".progress-name").all_inner_texts()
    # What is busy, what raised, the rest.
    assert names.index("nowhere") < names.index("failing") < names.index("load")
    page.get_by_role("button", name="Clear finished").click()
    expect(row).to_have_count(0)
    expect(waiting).to_have_count(1)


def test_a_prefix_leads_to_its_tasks(page):
    name = page.locator(".progress-name", has_text=re.compile("^load$"))
    expect(name).to_have_attribute("href", "tasks?prefix=load")


def test_what_is_busy_keeps_its_place(page):
    """The ticks come and go; their row stays where it is."""
    names = page.locator(".progress-name")

    def tick_is_busy():
        texts = names.all_inner_texts()
        return texts.index("tick") < texts.index("failing")

    until(page, tick_is_busy, "a tick")
    before = names.all_inner_texts()
    for _ in range(15):
        page.wait_for_timeout(200)
        assert names.all_inner_texts() == before


def test_the_time_series(page):
    for name in ("rate", "load"):
        chart = page.locator(f".chart.{name}")
        expect(chart.locator("canvas")).to_be_visible()
        expect(chart.locator(".chart-legend b")).to_have_text(re.compile(r"\d"))


def test_a_colour_means_the_same_everywhere(page, stream):
    """A prefix has one colour in the stream and in the progress."""
    swatch = page.locator(".progress-row", has_text="tick").first.locator("i.swatch")
    red, green, blue = re.findall(r"\d+", swatch.evaluate("one => getComputedStyle(one).backgroundColor"))[:3]
    until(page, lambda: f"{red} {green} {blue} 255" in stream.evaluate(COLOURS), "the colour of tick")


def test_nothing_is_drawn_while_the_page_is_hidden(page, stream):
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => window.away ?? true });
          window.pictures = 0;
          const draw = CanvasRenderingContext2D.prototype.clearRect;
          CanvasRenderingContext2D.prototype.clearRect = function (...box) {
            window.pictures += 1;
            draw.apply(this, box);
          };
        }"""
    )
    page.wait_for_timeout(300)  # what was asked for before may still be drawn
    before = page.evaluate("window.pictures")
    page.wait_for_timeout(1500)
    assert page.evaluate("window.pictures") == before
    page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
    until(page, lambda: page.evaluate("window.pictures") > before, "a picture when the page is seen again")
