"""What the terminal shows: each service's way up, later deaths and the warnings out of the logs; no more."""

import asyncio
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

FOLLOW_PAUSE = 0.3  # seconds
LOUD = {"warning", "error", "critical"}
#: JupyterHub writes [W …], Python's own form WARNING, PostgreSQL ERROR:
_LOUD_LINE = re.compile(r"^\[[WEC] |\b(?:WARNING|ERROR|FATAL|PANIC|CRITICAL)\b|^Traceback ")
COLOURS = ("cyan", "magenta", "blue", "green", "yellow", "bright_cyan", "bright_magenta", "bright_blue", "bright_green")


def worth_showing(line: str) -> str | None:
    """The sentence of a warning or an error, None for everything else."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line if _LOUD_LINE.search(line) else None
    if not isinstance(entry, dict) or entry.get("level") not in LOUD:
        return None
    rest = {key: value for key, value in entry.items() if key not in {"event", "level", "timestamp", "service"}}
    remarks = " ".join(f"{key}={value}" for key, value in rest.items() if key != "exception")
    return f"{entry['level']}: {entry.get('event', '')} {remarks}".rstrip()


class Screen:
    """The reporter of ``python -m wod_demo``. A live table while starting at a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._began = time.monotonic()
        self._rows: dict[str, tuple[str, str, float]] = {}
        self._live: Live | None = None

    def start(self) -> None:
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self.console, refresh_per_second=8)
            self._live.start()

    def settle(self) -> None:
        """The start is over; from here on only what is out of order is shown."""
        if self._live is not None:
            self._live.stop()
        self._live = None

    def step(self, service: str, state: str, remark: str = "") -> None:
        elapsed = time.monotonic() - self._began
        self._rows[service] = (state, remark, elapsed)
        if self._live is None or state == "died":
            self.console.print(Text(f"{elapsed:7.1f} s  {service:<15} {state:<8} {remark}".rstrip()))

    def line(self, service: str, text: str) -> None:
        colour = COLOURS[sum(service.encode()) % len(COLOURS)]
        self.console.print(Text.assemble((f"{service:>10} | ", colour), text), soft_wrap=True)

    async def follow(self, logs: Path) -> None:
        """Shows warnings of all logs as they are written, until cancelled."""
        offsets = {path: path.stat().st_size for path in _logs(logs)}
        while True:
            for path in _logs(logs):
                for text in _fresh_lines(path, offsets):
                    self.line(path.stem, text)
            await asyncio.sleep(FOLLOW_PAUSE)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, (state, remark, elapsed) in list(self._rows.items()):  # drawn by a thread while rows are added
            sign: Text | Spinner = Spinner("dots") if state == "started" else Text("✓" if state == "ready" else "·")
            shown = time.monotonic() - self._began if state == "started" else elapsed
            table.add_row(sign, name, f"{shown:5.1f} s", Text(remark if state == "died" else "", style="red"))
        return table


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def _fresh_lines(path: Path, offsets: dict[Path, int]) -> Iterable[str]:
    """Whole lines only: the rest of one that is being written comes with the next call."""
    with path.open("rb") as file:
        file.seek(offsets.get(path, 0))
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    offsets[path] = offsets.get(path, 0) + len(whole)
    shown = (worth_showing(line) for line in whole.decode("utf-8", "replace").splitlines())
    return [text for text in shown if text is not None]
