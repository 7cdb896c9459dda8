"""The table: medians, ratios, counts, and what was aimed at."""

import platform
import statistics
import subprocess
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from measure import Workload
from targets import TARGETS


@dataclass
class Cell:
    """What one side did with one workload of one size."""

    figures: dict[str, list[float]] = field(default_factory=dict)
    executions: int = 0
    seconds: float = 0.0
    turns: int = 0
    error: str = ""
    omitted: str = ""

    def add(self, answer: dict, seconds: float) -> None:
        self.seconds += seconds
        self.turns += 1
        if "error" in answer:
            self.error = self.omitted = answer["error"]
            return
        self.executions = answer["executions"]
        for name, value in answer["figures"].items():
            self.figures.setdefault(name, []).append(value)

    def median(self, figure: str) -> float | None:
        values = self.figures.get(figure)
        return statistics.median(values) if values else None


@dataclass
class Row:
    """One workload of one size."""

    workload: Workload
    n: int
    cells: dict[str, Cell] = field(default_factory=dict)

    def figures(self) -> list[str]:
        """The names of what was measured, the compared one first."""
        names = [name for cell in self.cells.values() for name in cell.figures]
        first = self.workload.figure
        if first in ("s", "µs/task"):
            return [first] if first in names else []
        return sorted(dict.fromkeys(names), key=lambda name: name != first)

    def as_json(self) -> dict:
        cells = {
            side: {"figures": cell.figures, "executions": cell.executions, "omitted": cell.omitted}
            for side, cell in self.cells.items()
        }
        return {"workload": self.workload.name, "n": self.n, "sides": cells}


def number(value: float) -> str:
    """Three figures."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def machine() -> str:
    """Processor, cores, kernel, Python, and what is installed of both sides."""
    info = Path("/proc/cpuinfo")
    models = [
        line.split(": ", 1)[1] for line in info.read_text().splitlines() if line.startswith("model name")
    ]
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    processor = models[0] if models else platform.processor()
    return (
        f"{date.today()}, {len(models)} cores of {processor}, Linux {platform.release().partition('-')[0]}, "
        f"CPython {platform.python_version()}, rask at {git.stdout.strip() or 'no commit'}"
    )


def _cell(cell: Cell | None, figure: str, ours: float | None) -> str:
    if cell is None:
        return ""
    value = cell.median(figure)
    if value is None:
        return f"({cell.omitted})" if cell.omitted else ""
    if ours is None or value == ours or not value or not ours:
        return number(value)
    return f"{number(value)} (×{number(value / ours)})"


def report(rows: list[Row], sides: list[str]) -> str:
    """The table in Markdown, and the targets that these rows can speak of."""
    used = [side for side in sides if any(side in row.cells for row in rows)]
    lines = [machine(), "", "Medians; in brackets, how many times the figure of the first column.", ""]
    lines += [f"| workload | n | unit | {' | '.join(used)} | executions |", "|---" * (len(used) + 4) + "|"]
    for row in rows:
        for figure in row.figures():
            ours = next((cell.median(figure) for side, cell in row.cells.items() if side == used[0]), None)
            cells = [_cell(row.cells.get(side), figure, ours) for side in used]
            count = next((cell.executions for cell in row.cells.values() if cell.executions), 0)
            size = f"{row.n:,}".replace(",", " ")
            executed = f"{count:,}".replace(",", " ") if figure == row.figures()[0] else ""
            lines.append(f"| {row.workload.name} | {size} | {figure} | {' | '.join(cells)} | {executed} |")
    lines += _verdicts(rows)
    lines += [f"- `{row.workload.name}`: {row.workload.title}" for row in rows if row is _first(rows, row)]
    return "\n".join(lines)


def _first(rows: list[Row], row: Row) -> Row:
    return next(other for other in rows if other.workload.name == row.workload.name)


def _verdicts(rows: list[Row]) -> list[str]:
    lines = ["", "| target | must | aim | side | measured | |", "|---|---|---|---|---|---|"]
    for target in TARGETS:
        for side in target.sides:
            value = target.measured(rows, side)
            if value is not None:
                word = target.verdict(value)
                sign = "≥" if target.more_is_better else "≤"
                bounds = f"{sign} {number(target.must)} | {sign} {number(target.aim)}"
                lines.append(f"| {target.what} | {bounds} | {side} | {number(value)} | {word} |")
    return [*lines, ""] if len(lines) > 3 else [""]
