"""A page knows when nobody speaks to it any more."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

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
