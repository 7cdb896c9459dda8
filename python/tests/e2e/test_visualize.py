"""`visualize` writes pictures, needing nothing that is not in the package. (Dask needs graphviz, so rask
alone is asked.)"""

from __future__ import annotations

import pytest

from .peer import delayed, rask_only, visualize
from .tasks import add, inc

pytestmark = rask_only

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tree():
    return delayed(add)(delayed(inc)(1), delayed(inc)(2))


def test_png_is_the_default(tree, tmp_path):
    tree.visualize()
    assert (tmp_path / "mydask.png").read_bytes().startswith(PNG)


def test_filename_with_extension(tree, tmp_path):
    tree.visualize(filename="picture.svg")
    text = (tmp_path / "picture.svg").read_text()
    assert "<svg" in text
    assert "inc" in text and "add" in text


def test_format(tree, tmp_path):
    tree.visualize(filename="picture", format="svg")
    assert "<svg" in (tmp_path / "picture.svg").read_text()
    tree.visualize(filename="picture", format="png")
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)


def test_dot(tree, tmp_path):
    tree.visualize(filename="picture", format="dot")
    text = (tmp_path / "picture.dot").read_text()
    assert text.lstrip().startswith("digraph")
    assert text.count("->") >= 2


def test_several_at_once(tree, tmp_path):
    visualize(tree, [delayed(inc)(10)], filename="several.svg")
    assert (tmp_path / "several.svg").read_text().count("inc") >= 3


def test_optimized(tree, tmp_path):
    tree.visualize(filename="optimized.svg", optimize_graph=True)
    assert "<svg" in (tmp_path / "optimized.svg").read_text()


@pytest.mark.parametrize("rankdir", ["LR", "TB", "BT", "RL"])
def test_rankdir(tree, tmp_path, rankdir):
    tree.visualize(filename="directed.svg", rankdir=rankdir)
    assert "<svg" in (tmp_path / "directed.svg").read_text()


def test_rankdir_turns_the_picture(tmp_path):
    import re

    x = delayed(inc)(0)
    for _ in range(6):
        x = delayed(inc)(x)
    shapes = {}
    for rankdir in ("TB", "LR"):
        x.visualize(filename="chain.svg", rankdir=rankdir)
        box = re.search(r'viewBox="([^"]+)"', (tmp_path / "chain.svg").read_text()).group(1)
        _, _, width, height = map(float, re.split(r"[ ,]+", box.strip()))
        shapes[rankdir] = width > height
    assert shapes == {"TB": False, "LR": True}


def test_color_by_order(tree, tmp_path):
    tree.visualize(filename="plain.svg")
    tree.visualize(filename="ordered.svg", color="order")
    assert (tmp_path / "plain.svg").read_text() != (tmp_path / "ordered.svg").read_text()


def test_the_picture_shows_in_a_notebook(tree):
    pytest.importorskip("IPython")
    shown = tree.visualize(filename="shown.png")
    assert shown is not None
    assert shown._repr_mimebundle_() or shown._repr_png_()


def test_filename_none_writes_no_file(tree, tmp_path):
    tree.visualize(filename=None)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format_says_what_there_is(tree):
    with pytest.raises(ValueError, match="svg"):
        tree.visualize(filename="picture", format="tga")


def test_500_nodes_are_all_drawn(tmp_path):
    total = delayed(sum)([delayed(inc)(i) for i in range(500)])
    total.visualize(filename="wide.png")
    assert (tmp_path / "wide.png").read_bytes().startswith(PNG)
    total.visualize(filename="wide.svg")
    assert (tmp_path / "wide.svg").read_text().count(">inc<") == 500


def test_a_larger_graph_collapses(tmp_path):
    total = delayed(sum)([delayed(inc)(i) for i in range(5_000)])
    total.visualize(filename="large.svg")
    text = (tmp_path / "large.svg").read_text()
    assert "inc" in text
    assert text.count("inc") < 5_000
