"""A hundred who click at once, with no lab made ahead and with one for each: credentials, and what the estimates were worth.

Prints tables, writes ``var/bench/<date>-burst.json``. Nothing here fails for being slow.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from bench_road import ROOT, WORKSHOP, content, open_folder
from figures import Figure, machine, show, write
from rich.console import Console
from road import Registered, Visitors, moment

from wod_demo.settings import DemoSettings
from wod_demo.stack import Stack

BURST = 100
SEATS = BURST + 10
#: so many come before the crowd: from them the pace is known, and a run of Ansible is open
EARLIER = 5
#: seconds after the first click at which every so manieth looks at his page
LOOKS = (5.0, 10.0, 20.0, 30.0)
LOOKING = 4
READY_LIMIT = 900.0  # seconds


@dataclass(frozen=True)
class Look:
    """What somebody's page said, and when; ``made`` of the same lab is known afterwards."""

    at: float
    seconds: int | None
    token: str


class Operator:
    """Who has labs made ahead, and waits until they are there."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._http = http
        self._placement = f"{stack.urls['api']}/api/v1/workshops/{WORKSHOP}/placements/1"

    async def keep_ready(self, seats: int) -> float:
        """Seconds until they are."""
        began = time.monotonic()
        change = {"ready_minimum": seats}
        (await self._http.patch(self._placement, json=change, headers=await self._headers())).raise_for_status()
        async for found in self._placement_now():
            if found["ready_seats"] >= seats:
                return time.monotonic() - began
        raise AssertionError

    async def until_empty(self) -> None:
        """Until every seat is given back."""
        async for found in self._placement_now():
            if found["room"] == SEATS:
                return

    async def _placement_now(self) -> AsyncIterator[dict[str, int]]:  # poll: nobody tells of a placement
        deadline = time.monotonic() + READY_LIMIT
        while time.monotonic() < deadline:
            answer = await self._http.get(self._placement, headers=await self._headers())
            yield answer.raise_for_status().json()
            await asyncio.sleep(1.0)
        raise RuntimeError(f"the seats were not what they should be within {READY_LIMIT:.0f} s")

    async def _headers(self) -> dict[str, str]:
        account = {"username": "admin", "password": self._stack.state.secrets().admin_password}
        answer = await self._http.post(f"{self._stack.urls['api']}/api/v1/login", json=account)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def burst(visitors: Visitors, name: str, people: int) -> list[Figure]:
    """All forms are open already; then everyone clicks, and everyone ends when the last one has his password."""
    emails = [f"{name}{number}@example.org" for number in range(people)]
    forms = [await visitors.open_form(email) for email in emails]
    registered = await asyncio.gather(*(visitors.click(form) for form in forms))
    began = min(one.clicked for one in registered)
    looking = asyncio.create_task(_look(visitors, registered, began))
    made = await asyncio.gather(*(_made(visitors, one.token) for one in registered))
    looks = await looking
    mailed = [await visitors.credentials_at(email) - began for email in emails]
    for one in registered:
        await visitors.end(one.token)
    moments = {one.token: at for one, at in zip(registered, made, strict=True)}
    return [
        Figure("click to the portal's answer", samples=[one.answered - one.clicked for one in registered]),
        Figure("first click to a credentials mail", samples=mailed),
        Figure("first click to the last credentials mail", samples=[max(mailed)]),
        Figure("labs a minute", "1/min", samples=[people / (max(made) - began) * 60]),
        Figure("made out of turn, by so many", "places", samples=_out_of_turn(registered, made)),
        *_worth(looks, moments),
    ]


async def _made(visitors: Visitors, token: str) -> float:
    async for event in visitors.story(token):
        if event["type"] == "running":
            return moment(event)
    raise RuntimeError("the story ended before the lab was made")


async def _look(visitors: Visitors, registered: list[Registered], began: float) -> list[Look]:
    looks: list[Look | None] = []
    for at in LOOKS:
        await asyncio.sleep(max(0.0, began + at - time.time()))  # poll: people look by the clock
        looks += await asyncio.gather(*(_look_once(visitors, one.token) for one in registered[::LOOKING]))
    return [look for look in looks if look is not None]


async def _look_once(visitors: Visitors, token: str) -> Look | None:
    """None where the lab is there already."""
    shown = await visitors.shown(token)
    return (
        Look(time.time(), shown["ready_in_seconds"], token) if shown["state"] in {"registered", "deploying"} else None
    )


def _out_of_turn(registered: list[Registered], made: list[float]) -> list[float]:
    """By how many places each lab was made earlier or later than its person came; locations make several at once."""
    came = sorted(range(len(registered)), key=lambda one: int(registered[one].token.partition("-")[0]))
    order = sorted(range(len(registered)), key=lambda one: made[one])
    return [float(abs(came.index(one) - order.index(one))) for one in range(len(registered))]


def _worth(looks: list[Look], made: dict[str, float]) -> list[Figure]:
    """Above 1 the page promised more time than it took."""
    known = [(look.seconds, made[look.token] - look.at) for look in looks if look.seconds is not None]
    ratios = [said / took for said, took in known if took > 1]
    if not ratios:
        return []
    return [
        Figure("estimate / what it took, where that was more than a second", "ratio", samples=ratios),
        Figure("estimate less what it took", samples=[said - took for said, took in known]),
        Figure("looks at which no pace was known", "of all", samples=[1 - len(known) / len(looks)]),
    ]


async def measure(console: Console, folder: Path) -> dict[str, list[Figure]]:
    workshop, _ = content(folder, SEATS)
    stack = Stack(DemoSettings(folder / "demo", notebooks=(workshop.parent,), seats=SEATS))
    done: dict[str, list[Figure]] = {}

    def finish(title: str, figures: list[Figure]) -> None:
        done[title] = figures
        show(console, title, figures)

    async with running(stack) as (visitors, operator):
        await burst(visitors, "earlier", EARLIER)
        await operator.until_empty()
        finish(f"{BURST} click at once, no lab is made ahead", await burst(visitors, "burst", BURST))
        await operator.until_empty()
        waited = await operator.keep_ready(BURST)
        figures = [Figure("all made ahead", samples=[waited]), *await burst(visitors, "ready", BURST)]
        finish(f"{BURST} click at once, a lab is ready for each", figures)
    return done


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[tuple[Visitors, Operator]]:
    await stack.start()
    visitors = Visitors(stack, WORKSHOP)
    try:
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            yield visitors, Operator(stack, http)
    finally:
        await visitors.close()
        await stack.stop()


async def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    before = machine()
    console.print(f"before: {before}")
    with open_folder() as folder:
        sections = await measure(console, folder)
    console.print(f"after:  {machine()}")
    path = ROOT / "var" / "bench" / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-burst.json"
    write(path, before, sections)
    console.print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
