"""What is shown in a notebook, in a real kernel: live progress, and things as HTML."""

from __future__ import annotations

import pytest

from .peer import rask_only

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [rask_only, pytest.mark.timeout(180)]

FIRST = """
import sys, time
{hide}
from rask.distributed import Client, progress, wait
from rask import delayed
client = Client(n_workers=1, threads_per_worker=2, dashboard_address=None)

def slow(x):
    time.sleep(0.05)
    return x

def bad(x):
    raise ValueError(x)

def until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError
"""
WITHOUT_WIDGETS = "sys.modules['ipywidgets'] = None"


def run(*cells, hide=""):
    """The outputs of each cell after the first, which makes a client."""
    cells = [FIRST.format(hide=hide), *cells, "client.close()"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells[1:-1]], notebook.metadata


def text(outputs):
    return outputs[0]["data"]["text/plain"]


def widget_values(metadata):
    states = metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    return [state["state"]["value"] for state in states if state["model_name"] == "HTMLModel"]


PROGRESS = (
    "futures = client.map(slow, range(30), pure=False)\nbar = progress(futures)\nbar",
    "sum(future.done() for future in futures) < 30",
    "until(lambda: not bar._thread.is_alive())",
)


def is_finished(html):
    return "<b>Finished:</b>" in html and ">30 / 30<" in html and "width: 100.00%" in html


def test_progress_is_live_html_without_ipywidgets():
    """The cell is done before the tasks are; what it shows is replaced, in its place."""
    outputs, _ = run(*PROGRESS, hide=WITHOUT_WIDGETS)
    assert text(outputs[1]) == "True"
    assert len(outputs[0]) == 1
    assert is_finished(outputs[0][0]["data"]["text/html"])


def test_progress_is_a_widget_with_ipywidgets():
    pytest.importorskip("ipywidgets")
    outputs, metadata = run(*PROGRESS)
    assert text(outputs[1]) == "True"
    assert list(outputs[0][0]["data"]) == ["text/plain", "application/vnd.jupyter.widget-view+json"]
    (html,) = widget_values(metadata)
    assert is_finished(html)


def test_progress_of_a_graph_counts_what_its_futures_need():
    """One bar for each prefix, also of tasks that nobody holds a future of."""
    outputs, _ = run(
        "x = delayed(sum)([delayed(slow)(i) for i in range(30)]).persist()\nbar = progress(x)\nbar",
        "until(lambda: not bar._thread.is_alive())",
        hide=WITHOUT_WIDGETS,
    )
    html = outputs[0][0]["data"]["text/html"]
    assert is_finished(html) and ">1 / 1<" in html
    assert html.index(">slow<") < html.index(">sum<")


def test_progress_with_errors_and_one_bar_for_all():
    outputs, _ = run(
        "futures = client.map(slow, range(4)) + client.map(bad, range(2))\n"
        "both = progress(futures), progress(futures, multi=False)\nboth[0]",
        "both[1]",
        "until(lambda: all(not bar._thread.is_alive() for bar in both))",
        hide=WITHOUT_WIDGETS,
    )
    several, one = (out[0]["data"]["text/html"] for out in outputs[:2])
    for html in (several, one):
        assert "<b>Failed:</b>" in html and ">2 erred<" in html
    assert ">0 / 2<" in several and ">4 / 4<" in several
    assert ">4 / 6<" in one


def test_progress_ends_with_its_client_and_with_its_futures():
    outputs, _ = run(
        "own = Client(n_workers=1, dashboard_address=None, set_as_default=False)\n"
        "futures = own.map(time.sleep, [60] * 3, pure=False)\nfirst = progress(futures)\nfirst",
        "held = client.map(time.sleep, [60] * 3, pure=False)\nsecond = progress(held)\nsecond",
        "own.close()\ndel held",
        "until(lambda: not first._thread.is_alive() and not second._thread.is_alive())",
        hide=WITHOUT_WIDGETS,
    )
    closed, dropped = (out[0]["data"]["text/html"] for out in outputs[:2])
    assert "closed" in closed or "Given up" in closed
    assert "<b>Given up:</b>" in dropped and ">3 given up<" in dropped


def test_progress_shown_again_when_it_is_over():
    outputs, _ = run(
        "futures = client.map(abs, range(3))\nwait(futures)\nbar = progress(futures)\nbar",
        "bar",
        "progress([])",
        hide=WITHOUT_WIDGETS,
    )
    assert ">3 / 3<" in outputs[0][0]["data"]["text/html"]
    assert ">3 / 3<" in outputs[1][0]["data"]["text/html"]
    assert "no tasks given" in outputs[2][0]["data"]["text/html"]


def test_things_show_themselves():
    outputs, _ = run(
        "client",
        "client.cluster",
        "client.submit(slow, 1)",
        "delayed(slow)(delayed(abs)(-1))",
        "delayed(slow)(delayed(abs)(-1)).dask",
    )
    html = [out[0]["data"]["text/html"] for out in outputs]
    for at, part in enumerate(["Client", "LocalCluster", "Future: slow", "<svg", "HighLevelGraph"]):
        assert part in html[at]
