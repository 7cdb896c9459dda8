"""A page knows when nobody speaks to it any more, and when somebody else does."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import SPEAK
from .test_status import until


def test_a_socket_that_falls_silent_is_opened_anew(visitor):
    """As after a laptop slept: the socket seems open, questions are answered, and no pulse comes."""
    sockets, said = [], []

    def connect(socket):
        sockets.append(socket)
        is_first = len(sockets) == 1

        def pass_on(message):
            said.append(message)
            if not is_first or len(said) < 3:
                socket.send(message)

        socket.connect_to_server().on_message(pass_on)

    visitor.page.goto(visitor.at_work.link)
    visitor.page.route_web_socket("**/api/v1/live", connect)
    page = visitor.open("/status")
    until(page, lambda: len(sockets) == 2, "another socket")
    expect(page.locator("#connection")).to_have_text("live")
    rate = page.locator("#totals div", has_text="Tasks/s").locator("dd")
    expect(rate).not_to_be_empty()


@pytest.mark.parametrize(("hidden", "stays"), [(True, True), (False, False)])
def test_only_a_page_that_is_seen_doubts(visitor, hidden, stays):
    page = visitor.open("/status")
    stayed = page.evaluate(
        """async (hidden) => {
          Object.defineProperty(document, "hidden", { get: () => hidden });
          const { live } = await import("/assets/live.js");
          const { socket } = live;
          live.hear = () => {};
          live.heardMs = -Infinity;
          await live.doubt();
          return live.socket === socket;
        }""",
        hidden,
    )
    assert stayed is stays


def another(visitor, **more) -> dict:
    """What a scheduler says that was started in the place of the one that is there."""
    pulse = visitor.at_work.json("/api/v1/status")
    pulse["scheduler"]["id"] = "another"
    return {"type": "pulse", **pulse, **more}


def test_rows_of_an_old_scheduler_do_not_stand_for_those_of_another(visitor):
    """Both count their workers from the same number on."""
    page = visitor.open("/workers")
    expect(page.locator("tbody tr").first).to_be_visible()
    workers = visitor.at_work.json("/api/v1/status")["workers"]
    renamed = [{**row, "name": f"new-{row['id']}"} for row in workers]
    page.evaluate(SPEAK, another(visitor, workers=renamed))
    names = sorted(row["name"] for row in renamed)
    expect(page.locator("td[data-column=name]")).to_have_text(names)


def progress_of(page: Page, prefix: str):
    return page.locator(".progress-row", has=page.locator(".progress-name", has_text=prefix))


def test_what_was_put_away_and_where_one_looked_was_of_the_old_scheduler(visitor):
    page = visitor.open("/status")
    expect(progress_of(page, "failing")).to_be_visible()
    page.get_by_role("button", name="Clear finished").click()
    expect(progress_of(page, "failing")).to_have_count(0)
    page.locator(".stream canvas").focus()
    page.keyboard.press("ArrowLeft")
    live = page.locator(".stream .live")
    expect(live).to_have_attribute("aria-pressed", "false")
    page.evaluate(SPEAK, another(visitor))
    expect(progress_of(page, "failing")).to_be_visible()
    expect(live).to_have_attribute("aria-pressed", "true")


def test_a_task_that_is_being_read_stays_when_there_is_another_scheduler(visitor):
    page = visitor.open("/task?key=failing-0")
    # It is made anew when the page hears which workers are here.
    worker = page.locator(".panel.error").get_by_role("link")
    expect(worker).to_have_attribute("href", re.compile(r"worker\?name="))
    traceback = page.locator("pre.traceback").element_handle()
    page.evaluate(SPEAK, another(visitor))
    assert traceback.evaluate("pre => pre.isConnected")
