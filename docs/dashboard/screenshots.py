"""Makes the pictures of docs/dashboard.md: a cluster at work, and a browser before it.

    .venv/bin/python docs/dashboard/screenshots.py [FOLDER]

FOLDER is where they go, if not beside this file: a traceback is in one of them, and shows from where the
program was run. Needs chromium, and playwright (`requirements/test.txt`).
"""

from __future__ import annotations

import logging
import random
import shutil
import sys
import threading
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import rask
from rask.distributed import Client, LocalCluster, wait

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
SECONDS_OF_WORK = 34
"""The task stream shows half a minute."""


def load(day):
    time.sleep(random.uniform(0.2, 0.7))
    logging.getLogger("weather").warning("day %d: 3 stations are silent", day)
    return bytes(8_000_000)


def clean(table):
    time.sleep(random.uniform(0.1, 0.4))
    return table[: len(table) // 2]


def extract(table):
    time.sleep(random.uniform(0.05, 0.3))
    return table[: len(table) // 2]


def merge(*tables):
    time.sleep(random.uniform(0.2, 0.5))
    return b"".join(tables)[:4_000_000]


def train(table):
    began = time.monotonic()
    while time.monotonic() - began < 0.9:
        sum(range(2000))
    return len(table)


def score(number):
    return number * number


def check(station):
    time.sleep(0.15)
    if station % 9 == 4:
        raise ValueError(f"station {station} reports −273.2 °C")
    return station


def season(number: int) -> rask.delayed:
    """A graph of some sixty tasks: days are loaded, cleaned, merged in pairs, and make a model."""
    days = [rask.delayed(load)(number * 100 + day) for day in range(16)]
    tables = [rask.delayed(extract)(rask.delayed(clean)(day)) for day in days]
    while len(tables) > 2:
        tables = [rask.delayed(merge)(*tables[at : at + 2]) for at in range(0, len(tables), 2)]
    return rask.delayed(train)(rask.delayed(merge)(*tables))


class Work:
    """Seasons, one after the other, and short work beside them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ending = threading.Event()
        self.checks = client.map(check, range(10), pure=False)
        self.scores: list = []
        self.scores_per_round = 20_000
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        number = 0
        while not self.ending.is_set():
            models = [self.client.compute(season(number + one)) for one in range(2)]
            self.scores = self.client.map(score, range(self.scores_per_round), pure=False)
            wait(models[:1])
            self.checks = self.client.map(check, range(10), pure=False)
            wait(self.scores)
            self.scores = []
            wait(models)
            number += 2

    def end(self) -> None:
        self.ending.set()
        self.thread.join()


def pictures(page: Page, client: Client, work: Work, base: str) -> None:
    def take(name: str, path: str, seconds: float = 2.0) -> None:
        page.goto(base + path)
        page.wait_for_timeout(seconds * 1000)
        page.screenshot(path=FOLDER / f"{name}.png")

    page.wait_for_timeout(SECONDS_OF_WORK * 1000)
    hover_over_a_bar(page)
    page.screenshot(path=FOLDER / "status.png")
    take("workers", "/workers", 3)
    page.set_viewport_size({"width": 1280, "height": 600})
    take("worker", "/worker?name=1", 5)
    page.set_viewport_size({"width": 1280, "height": 800})
    take("tasks", "/tasks?state=memory")
    held = client.map(score, range(2000), pure=False)
    take("groups", "/graph", 5)
    del held
    work.scores_per_round = 40  # so few tasks that each is in the picture
    page.wait_for_timeout(16_000)
    take("graph", "/graph", 4)
    take("task", f"/task?key={failed(client).key}")
    take("events", "/events")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 900, "height": 720})
    take("beside-a-notebook", "/status", 14)


def failed(client: Client):
    """The future of a task that raised."""
    future = client.submit(check, 4, key="check-station-4", retries=1)
    wait(future)
    failed.kept = future
    return future


def hover_over_a_bar(page: Page) -> None:
    box = page.locator(".stream canvas").bounding_box()
    for x in range(int(box["width"] * 0.45), int(box["width"]), 7):
        page.mouse.move(box["x"] + x, box["y"] + 20)
        page.wait_for_timeout(60)
        if page.locator("#tooltip").is_visible():
            return


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("chromium is not here: install it by the system's own means")
    with (
        sync_playwright() as playwright,
        LocalCluster(n_workers=4, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        page.goto(client.dashboard_link)
        work = Work(client)
        try:
            pictures(page, client, work, client.dashboard_link.split("/status")[0])
        finally:
            work.end()
        browser.close()


if __name__ == "__main__":
    main()
