"""Texts of users, everywhere they are shown: as they are, never obeyed (`Visitor.close` looks for that)."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from . import hostile


def test_keys_in_the_list_of_tasks(visitor):
    page = visitor.open("/tasks?state=memory")
    texts = page.locator("tbody a.key").filter(has_not_text=re.compile("^(load|clean|total|say|tick)"))
    expect(texts).to_have_count(len(hostile.ALL))
    assert {one.text_content() for one in texts.all()} == set(hostile.ALL)


@pytest.mark.parametrize("number", range(len(hostile.ALL)))
def test_keys_on_their_own_pages(visitor, number):
    text = hostile.ALL[number]
    page = visitor.open(f"/task?key={quote(text, safe='')}")
    expect(page.locator(".state-badge")).to_have_text("memory")
    assert page.locator("h1").text_content() == text
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_keys_as_links(visitor):
    page = visitor.open("/tasks?state=memory&search=onerror")
    page.locator("tbody a.key").click()
    expect(page.locator("h1")).to_have_text(hostile.HANDLER)


def test_prefixes(visitor):
    page = visitor.open("/status")
    names = page.locator(".progress-name bdi")
    for text in (hostile.SCRIPT, hostile.HANDLER):
        expect(names.filter(has_text=text)).to_have_count(1)
    page = visitor.open("/graph")
    page.locator(".as-table summary").click()
    expect(page.locator(".as-table a", has_text=hostile.HANDLER)).to_have_count(1)
    page = visitor.open(f"/graph?group={quote(hostile.HANDLER, safe='')}")
    expect(page.locator(".crumbs")).to_contain_text(hostile.HANDLER)


@pytest.mark.parametrize("number", range(len(hostile.ALL)))
def test_errors(visitor, number):
    page = visitor.open(f"/task?key=failing-{number}")
    expect(page.locator(".error-text")).to_contain_text(hostile.ALL[number].splitlines()[0][:100])
    expect(page.locator("pre.traceback")).to_contain_text("ValueError")


def test_errors_among_the_events(visitor):
    page = visitor.open("/events")
    for text in (hostile.SCRIPT, hostile.HANDLER):
        expect(page.locator(".event-words", has_text=f"ValueError: {text}").first).to_be_visible()


def test_logs(visitor):
    name = visitor.at_work.json("/api/v1/task?key=say-0")["workers"]
    worker = name[0] if name else visitor.at_work.json("/api/v1/task?key=slow-0")["workers"][0]
    page = visitor.open(f"/worker?name={worker}")
    for topic in ("log", "print"):
        for text in (hostile.SCRIPT, hostile.HANDLER):
            line = page.locator(f".log-lines li[data-topic={topic}] .log-text", has_text=text)
            expect(line.first).to_be_attached()


def test_a_worker_s_name(visitor):
    visitor.at_work.tell("hostile worker")
    page = visitor.open("/status")
    expect(page.locator(".load-name", has_text=hostile.HANDLER)).to_have_count(1)
    page = visitor.open("/workers")
    page.get_by_role("link", name=hostile.HANDLER).click()
    expect(page.locator("h1")).to_have_text(hostile.HANDLER)
    expect(page.locator(".badge")).to_have_text("running")
    page = visitor.open("/events")
    expect(page.locator(".subject", has_text=hostile.HANDLER).first).to_be_visible()
