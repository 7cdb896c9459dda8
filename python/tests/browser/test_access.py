"""Who gets in: whoever has the token, and nobody else."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

PATHS = [
    "/api/v1/status",
    "/api/v1/workers",
    "/api/v1/worker?name=0",
    "/api/v1/tasks",
    "/api/v1/graph",
    "/api/v1/events",
    "/metrics",
]


@pytest.mark.parametrize("token", ["", "0" * 32])
def test_data_needs_the_token(at_work, token):
    for path in PATHS:
        status, body = at_work.get(path, token)
        assert status == 401
        assert "dashboard_link" in json.loads(body)["error"]


def test_health_does_not(at_work):
    assert at_work.get("/health", "") == (200, "ok\n")


@pytest.mark.parametrize("path", ["/", "/status", "/task?key=total-0", "/status?token=wrong"])
def test_a_browser_without_it_is_told_where_it_is(browser, at_work, path):
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(at_work.base + path)
    assert answer.status == 401
    expect(page.locator("body")).to_contain_text("client.dashboard_link")
    assert page.locator("#main").count() == 0
    context.close()


def test_the_token_leaves_the_address(visitor):
    page = visitor.page
    page.goto(visitor.at_work.link)
    expect(page.locator("#connection")).to_have_text("live")
    assert page.url == f"{visitor.at_work.base}/status"
    assert page.evaluate("document.cookie") == "", "scripts do not see the cookie"
    (cookie,) = visitor.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"


def test_a_page_whose_cookie_is_gone_says_what_to_do(visitor):
    visitor.complaints.expected = "401|WebSocket connection"
    page = visitor.open("/status")
    visitor.context.clear_cookies()
    page.evaluate("import('/assets/live.js').then(({ live }) => live.socket.close())")
    expect(page.locator("#connection")).to_have_text("no access")
    expect(page.locator("#notice")).to_contain_text("client.dashboard_link")


def test_a_connection_that_breaks_is_made_again(visitor):
    page = visitor.open("/status")
    page.evaluate(
        """async () => {
          const { live } = await import("/assets/live.js");
          window.heard = [];
          live.listeners.add(() => window.heard.push(live.connection));
          live.socket.close();
        }"""
    )
    expect(page.locator("#connection")).to_have_text("live")
    for _ in range(100):
        if page.evaluate("window.heard") == ["reconnecting", "live"]:
            break
        page.wait_for_timeout(100)
    assert page.evaluate("window.heard") == ["reconnecting", "live"]
