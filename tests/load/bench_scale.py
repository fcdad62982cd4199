"""``make bench``, second part: what the api-db costs with 100,000 ended registrations, against none.

Both installations run beside each other and take turns, so that whatever else the machine does falls on both.
Nothing here fails for being slow.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "services" / "api-db" / "tests"))  # the api-db's tests fill databases and read plans too

from clients import CLIENTS, get, post, rush  # noqa: E402 - behind the path
from figures import Figure, machine, write  # noqa: E402
from installation import HOT, HOT_SEATS, SPREAD, SPREAD_SEATS, Installation  # noqa: E402
from plans import Explained, explained  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from wod_api_db.registrations.addresses import DenyList  # noqa: E402
from wod_api_db.registrations.schemas import RegistrationRequest  # noqa: E402
from wod_api_db.registrations.service import register  # noqa: E402
from wod_api_db.sweep import sweep  # noqa: E402
from wod_api_db.workshops.repository import catalogue  # noqa: E402
from wod_demo.ports import free_port  # noqa: E402
from wod_demo.postgres import Postgres  # noqa: E402

ENDED = 100_000
RUNS = 7
REQUESTS = 2_000
DUE = 50
IDLE_SECONDS = 3.0
LIST = "/api/v1/workshops"


class Measures:
    """One installation's figures, by name."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.figures: dict[str, Figure] = {}
        self._people = 0

    def add(self, name: str, unit: str, value: float) -> None:
        self.figures.setdefault(name, Figure(name, unit)).samples.append(value)

    async def registrations(self) -> None:
        await self._rush("registration, one workshop", self._forms([HOT] * HOT_SEATS), 201)
        await self.installation.leave()
        await self._rush("registration, 20 workshops", self._forms([*SPREAD] * SPREAD_SEATS), 201)
        await self.installation.leave()

    async def reading(self) -> None:
        await self._rush("catalogue", [get(LIST)] * REQUESTS, 200)
        await self._rush("one workshop, exact", [get(f"{LIST}/{HOT}")] * (REQUESTS // 10), 200)

    def _forms(self, workshops: list[str]) -> list[bytes]:
        forms = []
        for workshop in workshops:
            self._people += 1
            form = {
                "workshop": workshop,
                "name": "Ada",
                "email": f"bench{self._people}@example.org",
                "terms_version": "1",
            }
            forms.append(post("/api/v1/registrations", form))
        return forms

    async def _rush(self, name: str, requests: list[bytes], expected: int) -> None:
        cpu, began = await self.installation.cpu_seconds(), time.monotonic()
        await rush(self.installation.port, requests, expected)
        elapsed = time.monotonic() - began
        taken = await self.installation.cpu_seconds() - cpu
        self.add(f"{name}: CPU of the server", "ms", taken / len(requests) * 1000)
        self.add(f"{name}: {CLIENTS} clients", "1/s", len(requests) / elapsed)

    async def deadlines(self) -> None:
        """The sweep runs in this process, so its share is counted here."""
        await rush(self.installation.port, self._forms([HOT] * DUE), 201)
        await self.installation.change("UPDATE registrations SET state = 'running' WHERE state = 'registered'")
        for deadline in ("expiring", "ends"):
            await self.installation.change(f"UPDATE registrations SET {deadline}_at = now() WHERE cleaned_at IS NULL")
            own, cpu = time.process_time(), await self.installation.cpu_seconds()
            await sweep(self.installation.sessions, "bench")
            taken = time.process_time() - own + await self.installation.cpu_seconds() - cpu
            self.add(f"deadline due, {deadline}_at: CPU", "ms", taken / DUE * 1000)
        await self.installation.leave()

    async def idle(self, seconds: float) -> Callable[[], Awaitable[None]]:
        """What to call when the time is over."""
        cpu = await self.installation.cpu_seconds()

        async def over() -> None:
            taken = await self.installation.cpu_seconds() - cpu
            self.add("idle minute of api-db and worker: CPU", "ms", taken * 1000 / seconds * 60)

        return over


@asynccontextmanager
async def installations() -> AsyncIterator[list[Measures]]:
    with tempfile.TemporaryDirectory(prefix="wod-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "data", free_port(), "bench")
        await asyncio.to_thread(postgres.start)
        both = [Installation("young", postgres, folder), Installation("old", postgres, folder)]
        try:
            for installation, ended in zip(both, (0, ENDED), strict=True):
                await installation.make(ended)
                installation.start("wod_api_db")
            for installation in both:
                await installation.answers()
            yield [Measures(installation) for installation in both]
        finally:
            for installation in both:
                installation.stop()
                await installation.engine.dispose()
            await asyncio.to_thread(postgres.stop)


async def rest(both: list[Measures]) -> None:  # poll: quiet time is what is measured
    for one in both:
        one.installation.start("wod_api_db.worker")
    await asyncio.sleep(IDLE_SECONDS)
    for _ in range(RUNS):
        over = [await one.idle(IDLE_SECONDS) for one in both]
        await asyncio.sleep(IDLE_SECONDS)
        for finish in over:
            await finish()


async def rows(installation: Installation) -> dict[str, list[Explained]]:
    """The plans of each act's statements."""
    request = RegistrationRequest(workshop=HOT, name="Ada", email="plans@example.org", terms_version="1")

    async def registration() -> None:
        async with installation.sessions.begin() as session:
            await register(session, request, installation.settings, DenyList())

    async def reading() -> None:
        async with installation.sessions() as session:
            await catalogue(session)

    async def idle_sweep() -> None:
        await sweep(installation.sessions, "plans")

    found = {}
    for name, act in (("registration", registration), ("catalogue", reading), ("idle sweep", idle_sweep)):
        async with explained(installation.engine) as found[name]:
            await act()
        await installation.leave()
    return found


def compare(console: Console, young: Measures, old: Measures) -> None:
    table = Table(title=f"{ENDED:,} ended registrations against none, median of {RUNS}", title_justify="left")
    for heading in ("measured", "none", f"{ENDED:,}", "ratio"):
        table.add_column(heading, justify="left" if heading == "measured" else "right")
    for name, figure in young.figures.items():
        without, within = median(figure.samples), median(old.figures[name].samples)
        table.add_row(f"{name} \\[{figure.unit}]", f"{without:.2f}", f"{within:.2f}", f"{within / without:.2f}")
    console.print(table)


def compare_plans(console: Console, young: dict[str, list[Explained]], old: dict[str, list[Explained]]) -> None:
    table = Table(title="Most rows that one step of a statement's plan reads", title_justify="left")
    for heading in ("statement", "none", f"{ENDED:,}"):
        table.add_column(heading, justify="left" if heading == "statement" else "right")
    for act, statements in old.items():
        for number, statement in enumerate(statements):
            without = f"{young[act][number].rows:.0f}" if number < len(young[act]) else ""
            table.add_row(f"{act}: {statement.summary}", without, f"{statement.rows:.0f}")
    console.print(table)


async def measure(console: Console) -> dict[str, list[Figure]]:
    async with installations() as (young, old):
        for _ in range(RUNS):
            for one in (young, old):
                await one.registrations()
                await one.reading()
                await one.deadlines()
        plans = [await rows(one.installation) for one in (young, old)]
        await rest([young, old])
    compare(console, young, old)
    compare_plans(console, *plans)
    return {f"{one.installation.name} database": list(one.figures.values()) for one in (young, old)}


async def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    before = machine()
    console.print(f"before: {before}")
    sections = await measure(console)
    console.print(f"after:  {machine()}")
    path = ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-scale.json"
    write(path, before, sections)
    console.print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
