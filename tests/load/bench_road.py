"""``make bench``: measures the whole road on the real stack. Prints tables, writes ``var/bench/<date>.json``.

Nothing here fails for being slow: a target that was missed is printed as missed.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from creates import measure_creates
from figures import Figure, machine, show, write
from idle import idle
from rich.console import Console
from road import Registered, Visitors, moment

from wod_backend_agent.content import is_template, workshop_files
from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("WOD_SHARED", ROOT.parent / "shared"))
WORKSHOP = "WKSHP-API101"
SEATS = 40
RUNS = 9
BURST = 20
CREATE = "the agent's CREATE, accepted to done"
PLAIN = "its files through plain Jinja2, here"


@contextmanager
def open_folder() -> Iterator[Path]:
    """Where the students' uids can reach their homes."""
    folder = Path(tempfile.mkdtemp(prefix="wod-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def content(folder: Path, seats: int = SEATS) -> tuple[Path, str]:
    """The workshop with a seat for everyone of the burst; the real one where it is there, else ours. And which it is."""
    real = SHARED / "real-workshops" / WORKSHOP
    source, named = (real, "the real one") if real.is_dir() else (ROOT / "notebooks" / WORKSHOP, "this repository's")
    copied = folder / "content" / WORKSHOP
    shutil.copytree(source, copied)
    metadata = copied / "wod.yml"
    text = re.sub(r"^range:.*$", f"range: [1, {seats}]", metadata.read_text(), flags=re.M)
    metadata.write_text(re.sub(r"^capacity:.*$", f"capacity: {seats}", text, flags=re.M))
    return copied, named


async def start_twice(stack: Stack) -> list[Figure]:
    """The stack runs afterwards."""
    first = Figure("first start, to ready.json")
    second = Figure("second start, to ready.json")
    stopping = Figure("stop")
    for figure in (first, second):
        began = time.monotonic()
        await stack.start()
        figure.samples.append(time.monotonic() - began)
        if figure is first:
            began = time.monotonic()
            await stack.stop()
            stopping.samples.append(time.monotonic() - began)
    return [first, second, stopping]


class Road:
    """The figures of visitors who come one after the other."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def add(self, name: str, value: float, target: float | None = None, unit: str = "s") -> None:
        self.figures.setdefault(name, Figure(name, unit, target)).samples.append(value)

    async def walk(self, visitors: Visitors, email: str, workshop: Path) -> None:
        registered = await visitors.click(await visitors.open_form(email))
        self.add("click to the portal's answer", registered.answered - registered.clicked)
        asked = 0.0
        async for event in visitors.story(registered.token):
            data, at = event["data"], moment(event)
            create = data.get("verb") == "CREATE"
            if event["type"] == "command-sent" and create:
                self.add("click to the gate's 250 (event command-sent)", at - registered.clicked, 0.2)
            elif event["type"] == "accepted" and create:
                self.add("click to the agent's report of acceptance", at - registered.clicked)
            elif data.get("step") == "server" and data["percent"] == 100:
                self.add("click to the notebook server ready", at - registered.clicked)
                await self._meanwhile(visitors, registered, email, workshop)
                asked = await visitors.end(registered.token)
            elif event["type"] == "cleaned":
                self.add("end of the session to the seat free", at - asked)

    async def _meanwhile(self, visitors: Visitors, registered: Registered, email: str, workshop: Path) -> None:
        self.add("click to the credentials mail", await visitors.credentials_at(email) - registered.clicked, 5.0)
        await self._shares(visitors, registered)
        rendering = await asyncio.to_thread(render_plainly, workshop)
        self.add(PLAIN, rendering * 1000, unit="ms")
        self.add("CREATE / plain Jinja2", self.figures[CREATE].samples[-1] / rendering, unit="ratio")

    async def _shares(self, visitors: Visitors, registered: Registered) -> None:
        events = await visitors.agent_story(await visitors.registration_id(registered.token))
        at = {event.get("step") or event["type"]: moment(event) for event in reversed(events)}
        self.add(CREATE, at["done"] - at["accepted"], 1.2)
        self.add("- the agent makes it ready", at["account"] - at["accepted"])
        self.add("- until Ansible has the seat in its hands", at["deliver"] - at["account"])
        self.add("- render, pack, make the home", at["done"] - at["deliver"])


def render_plainly(workshop: Path) -> float:
    """Seconds for every template of the workshop, read from the disk, with a fresh environment."""
    began = time.monotonic()
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - notebooks, not HTML
    for name, path in workshop_files(workshop):
        if is_template(name):
            environment.from_string(path.read_text(encoding="utf-8")).render(STDID=1, PASSSTU="password")
    return time.monotonic() - began


async def burst(visitors: Visitors) -> list[Figure]:
    """All forms are open already; then everyone clicks at once."""
    emails = [f"burst{number}@example.org" for number in range(BURST)]
    forms = [await visitors.open_form(email) for email in emails]
    registered = await asyncio.gather(*(visitors.click(form) for form in forms))
    began = min(one.clicked for one in registered)
    ends = await asyncio.gather(*(_follow(visitors, one, began) for one in registered))
    mailed = [await visitors.credentials_at(email) - began for email in emails]
    created = [done for done, _ in ends]
    await asyncio.gather(*(visitors.end(one.token) for one in registered))
    return [
        Figure("click to the portal's answer", samples=[one.answered - one.clicked for one in registered]),
        Figure("first click to a credentials mail", samples=mailed),
        Figure("first click to a server ready", samples=[ready for _, ready in ends]),
        Figure("CREATEs a minute", "1/min", samples=[BURST / max(created) * 60]),
        Figure("first click to the last credentials mail", samples=[max(mailed)]),
    ]


async def _follow(visitors: Visitors, one: Registered, began: float) -> tuple[float, float]:
    """Seconds until the lab was made, and until its server was ready."""
    made = 0.0
    async for event in visitors.story(one.token):
        if event["type"] == "running":
            made = moment(event) - began
        elif event["data"].get("step") == "server" and event["data"]["percent"] == 100:
            return made, moment(event) - began
    raise RuntimeError("the story ended before the server was ready")


async def measure(console: Console, folder: Path) -> dict[str, list[Figure]]:
    workshop, source = content(folder)
    stack = Stack(DemoSettings(folder / "demo", notebooks=(workshop.parent,), seats=SEATS))
    done: dict[str, list[Figure]] = {}

    def finish(title: str, figures: list[Figure]) -> None:
        done[title] = figures
        show(console, title, figures)

    try:
        finish("The demo starts", await start_twice(stack))
        finish("Idle, each service with its processes", await idle(stack))
        visitors = Visitors(stack, WORKSHOP)
        road = Road()
        for number in range(RUNS):
            await road.walk(visitors, f"visitor{number}@example.org", workshop)
        finish(f"One visitor after another, {WORKSHOP} ({source})", list(road.figures.values()))
        finish(f"{BURST} visitors click at once", await burst(visitors))
        await visitors.close()
    finally:
        await stack.stop()
    return done


async def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    before = machine()
    console.print(f"before: {before}")
    with open_folder() as folder:
        sections = await measure(console, folder)
        creates = await measure_creates(folder / "creates", folder / "content" / WORKSHOP)
        show(console, title := "The agent alone", creates)
        sections[title] = creates
    console.print(f"after:  {machine()}")
    path = ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    write(path, before, sections)
    console.print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
