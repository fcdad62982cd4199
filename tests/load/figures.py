"""What was measured: samples under a name, as a table and as a file."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table


@dataclass
class Figure:
    """``target`` is an upper limit of the median, in the figure's unit; with ``at_least`` a lower one."""

    name: str
    unit: str = "s"
    target: float | None = None
    samples: list[float] = field(default_factory=list)
    at_least: bool = False

    def verdict(self) -> str:
        if self.target is None:
            return ""
        found = median(self.samples)
        met = found >= self.target if self.at_least else found < self.target
        return f"{'at least' if self.at_least else 'under'} {self.target:g}: {'met' if met else 'missed'}"

    def document(self) -> dict[str, object]:
        spread = {"median": median(self.samples), "min": min(self.samples), "max": max(self.samples)}
        return asdict(self) | spread | {"verdict": self.verdict()}


def show(console: Console, title: str, figures: Iterable[Figure]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    for heading in ("median", "min", "max", "runs"):
        table.add_column(heading, justify="right")
    table.add_column("target")
    for figure in figures:
        spread = (median(figure.samples), min(figure.samples), max(figure.samples))
        row = (f"{value:.{2 if value < 100 else 0}f}" for value in spread)
        table.add_row(
            f"{figure.name} [{figure.unit}]".replace("[", r"\["), *row, str(len(figure.samples)), figure.verdict()
        )
    console.print(table)


def write(path: Path, machine: str, sections: dict[str, list[Figure]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {title: [figure.document() for figure in figures] for title, figures in sections.items()}
    path.write_text(json.dumps({"machine": machine, "sections": content}, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {python}, load {load} (1, 5, 15 min)"
