"""Modules of the page by themselves, where what they do is not seen from without."""

from __future__ import annotations

import pytest

PULSES = """
  const pulse = (at, ids, more = {}) => ({
    type: "pulse", full: false, at,
    scheduler: { id: "one", finished: 0, erred: 0, cpu: null, bytes_moved: 0 },
    workers: ids.map((id) => ({ id, name: `name-${id}`, cpu_percent: 1, managed_bytes: 1, rss_bytes: 1 })),
    workers_gone: [], names: {}, prefixes: [], executing: [], bars: [], bars_from: null, transfers: [],
    events: [],
    ...more,
  });
"""


@pytest.fixture
def page(visitor):
    return visitor.open("/events")


def test_rows_that_stay_are_left_alone(page):
    """A log of 500 lines gets one more and loses its first."""
    found = page.evaluate(
        """async () => {
          const { h, keyed } = await import("/assets/dom.js");
          const list = h("ul");
          document.body.append(list);
          const made = new Map();
          const make = (name) => ({ element: h("li", {}, h("a", { href: "status" }, name)) });
          const draw = (names) => keyed(list, made, names, (name) => name, make, () => {});
          const texts = () => [...list.children].map((one) => one.textContent);
          const now = () => [document.activeElement.textContent, String(getSelection())];
          const before = Array.from({ length: 500 }, (_, i) => `line ${i}`);
          const after = [...before.slice(1), "line 500"];
          draw(before);
          list.children[3].firstChild.focus();
          getSelection().selectAllChildren(list.children[3]);
          const moved = [];
          list.insertBefore = function (element, at) {
            moved.push(element.textContent);
            return Node.prototype.insertBefore.call(this, element, at);
          };
          draw(after);
          const [focused, selected, inserted] = [...now(), [...moved]];
          const inOrder = String(texts()) === String(after);
          draw(after.reverse());
          const reversed = String(texts()) === String(after);
          return { inserted, focused, selected, inOrder, reversed, focusedThen: now()[0], made: made.size };
        }"""
    )
    assert found == {
        "inserted": ["line 500"],
        "focused": "line 3",
        "selected": "line 3",
        "inOrder": True,
        "reversed": True,
        "focusedThen": "line 3",
        "made": 500,
    }


def test_two_wishes_are_one_picture(page):
    """Whether one of them could have waited or not."""
    pictures = page.evaluate(
        """async () => {
          const { throttled } = await import("/assets/frame.js");
          let pictures = 0;
          const draw = throttled(() => (pictures += 1), 60000);
          const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          const counts = [];
          for (const wishes of [["wish", "now"], ["now"], ["now", "now"], ["wish"]]) {
            for (const wish of wishes) draw[wish]();
            await frame();
            counts.push(pictures);
          }
          draw.end();
          return counts;
        }"""
    )
    assert pictures == [1, 2, 3, 3], "the last wish comes too soon after the first"


def test_workers_that_left_unnoticed_leave_no_history(page):
    """They left while the page was not connected."""
    kept = page.evaluate(
        f"""async () => {{
          {PULSES}
          const {{ History }} = await import("/assets/history.js");
          const history = new History();
          history.add(pulse(1, [1, 2, 3]));
          history.add(pulse(2, [1, 2], {{ workers_gone: [3] }}));
          const before = [...history.workers.keys()];
          history.add(pulse(3, [2, 4], {{ full: true }}));
          return {{ before, after: [...history.workers.keys()], samples: history.workers.get(2).columns[0] }};
        }}"""
    )
    assert kept == {"before": [1, 2], "after": [2, 4], "samples": [1, 2, 3]}


def test_names_of_workers_that_left_are_known_for_a_while(page):
    known = page.evaluate(
        f"""async () => {{
          {PULSES}
          const {{ store }} = await import("/assets/store.js");
          const own = new store.constructor();
          own.apply(pulse(1, [0, 1], {{ full: true }}));
          for (let id = 2; id < 20000; id += 1) own.apply(pulse(id, [0, id], {{ workers_gone: [id - 1] }}));
          return {{ names: [0, 1, 19000].map((id) => own.nameOf(id)), bounded: own.names.size < 10000 }};
        }}"""
    )
    assert known == {"names": ["name-0", "worker 1", "name-19000"], "bounded": True}


def rates(page, pulses: list[tuple[float, int, bool]]) -> list[float | None]:
    """Tasks per second after each pulse: when it was, how many had ended, whether it was whole."""
    return page.evaluate(
        f"""async (pulses) => {{
          {PULSES}
          const {{ History }} = await import("/assets/history.js");
          const history = new History();
          const shown = pulses.map(([at, ended, full]) => {{
            const scheduler = {{ id: "one", finished: ended - 1, erred: 1, cpu: null, bytes_moved: 0 }};
            history.add(pulse(at, [], {{ full, scheduler }}));
            return history.tasksPerSecond;
          }});
          const drawn = history.cluster.columns[1].slice(-shown.length);
          return String(drawn) === String(shown) ? shown : {{ drawn, shown }};
        }}""",
        pulses,
    )


def test_a_steady_rate_is_steady(page):
    """Four tasks end together, every half second; pulses come four times a second, or once."""
    for step in (0.25, 1.0):
        times = [1000 + step * number for number in range(int(20 / step))]
        shown = rates(page, [(at, 1 + int((at - 1000) / 0.5001) * 4, at == 1000) for at in times])
        assert shown[0] is None
        settled = shown[int(3 / step) :]
        assert all(5.5 < rate < 10.5 for rate in settled), settled


def test_a_burst_counts_the_same_whenever_pulses_come(page):
    seconds = [(1000 + number, 1, number == 0) for number in range(4)]
    for gap in (0.05, 0.25, 1.0):
        *_, shown = rates(page, [*seconds, (1003 + gap, 1001, False)])
        assert 300 < shown < 550, gap


def test_there_is_no_rate_across_a_whole_pulse(page):
    pulses = [
        (1000, 1, True),
        (1001, 11, False),
        (1060, 5000, True),
        (1060.25, 5001, False),
        (1061, 5009, False),
    ]
    assert rates(page, pulses) == [None, 10, None, None, 9]


def test_a_flood_of_errors_does_not_wash_away_what_happened_to_workers(page):
    found = page.evaluate(
        """async () => {"""
        + PULSES
        + """
          const { live } = await import("/assets/live.js");
          const { store } = await import("/assets/store.js");
          live.hear = () => {};
          const rest = { at: 1, subject: "", worker_id: null, text: "", count: 1 };
          const event = (number, kind) => ({ number, kind, ...rest });
          const events = [event(0, "error"), event(1, "worker-lost")];
          for (let number = 2; number < 3000; number += 1) events.push(event(number, "error"));
          store.apply(pulse(store.at + 1, [], { full: true, events, scheduler: store.scheduler }));
          return [store.events.size, ...[...store.events.keys()].slice(0, 2)];
        }"""
    )
    assert found == [2000, 1, 1001]
