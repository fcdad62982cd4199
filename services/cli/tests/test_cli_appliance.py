"""Appliances, set up through an agent's double that keeps to the agreed form."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cli_platform import WORKSHOP, Platform, Terminal, served
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

TOKEN = "the agent's own token"


@dataclass
class ApplianceAgent:
    """``POST /appliances/{workshop}/setup`` answers 202 and an id, ``GET /appliances/runs/{id}`` how it goes."""

    asked: list[tuple[str, Any]] = field(default_factory=list)
    looks: int = 0
    #: how often it is still running
    slow: int = 1
    failing: set[int] = field(default_factory=set)
    app: FastAPI = field(default_factory=FastAPI)

    def __post_init__(self) -> None:
        self.app.post("/appliances/{workshop}/setup", status_code=202)(self._setup)
        self.app.get("/appliances/runs/{run}")(self._run)

    async def _setup(self, workshop: str, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"type": "unauthorized", "detail": "the agent's token is another"}, 401)
        self.asked.append((workshop, await request.json()))
        return JSONResponse({"id": "run-1"}, 202)

    async def _run(self, run: str, request: Request) -> Response:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        self.looks += 1
        state = "running" if self.looks <= self.slow else "failed" if self.failing else "done"
        _, body = self.asked[-1]
        seats = [
            {"student": number, "state": "failed" if number in self.failing else state, "output": f"out {number}"}
            for number in range(body["first"], body["last"] + 1)
        ]
        return JSONResponse({"state": state, "seats": seats})


@pytest.fixture
async def appliance(platform: Platform, operator: Terminal) -> AsyncIterator[ApplianceAgent]:
    double = ApplianceAgent()
    async with served(double.app) as url:
        await platform.api.change("UPDATE locations SET agent_url = :url", url=url)
        operator.environment["WOD_AGENT_TOKEN"] = TOKEN
        yield double


async def test_the_range_is_the_workshops_unless_it_is_given(operator: Terminal, appliance: ApplianceAgent) -> None:
    result = await operator.json("appliance", "setup", WORKSHOP, "--location", 1)
    assert [seat["student"] for seat in result["seats"]] == [1, 2, 3]
    await operator.json("appliance", "setup", WORKSHOP, "2", "--location", 1)
    assert appliance.asked == [
        (WORKSHOP, {"first": 1, "last": 3, "first_seat": 1}),
        (WORKSHOP, {"first": 2, "last": 2, "first_seat": 1}),
    ]
    assert appliance.looks > 2


async def test_a_seat_that_fails_is_shown_and_fails_the_call(operator: Terminal, appliance: ApplianceAgent) -> None:
    appliance.failing = {2}
    ran = await operator.run("appliance", "setup", WORKSHOP, "--location", 1)
    assert ran.status == 1
    assert "out 2" in ran.out
    assert "student2" in ran.err


async def test_a_wrong_token_is_no_login(operator: Terminal, appliance: ApplianceAgent) -> None:
    operator.environment["WOD_AGENT_TOKEN"] = "another"
    assert "token" in await operator.refused(4, "appliance", "setup", WORKSHOP, "--location", 1)
    assert appliance.asked == []


async def test_the_token_comes_from_a_private_file(operator: Terminal, appliance: ApplianceAgent) -> None:
    del operator.environment["WOD_AGENT_TOKEN"]
    words = ("appliance", "setup", WORKSHOP, "1", "--location", 1)
    assert "WOD_AGENT_TOKEN" in await operator.refused(4, *words)
    kept = operator.config / "wod" / "agent-token"
    kept.write_text(f"{TOKEN}\n")
    kept.chmod(0o644)
    assert "chmod 600" in await operator.refused(1, *words)
    kept.chmod(0o600)
    await operator.json(*words)


async def test_a_location_without_an_agents_address_says_so(platform: Platform, operator: Terminal) -> None:
    operator.environment["WOD_AGENT_TOKEN"] = TOKEN
    assert "--agent-url" in await operator.refused(1, "appliance", "setup", WORKSHOP, "1", "--location", 1)


async def test_one_that_does_not_end_goes_on(operator: Terminal, appliance: ApplianceAgent) -> None:
    appliance.slow = 10**6
    words = ("appliance", "setup", WORKSHOP, "1", "--location", 1, "--patience", "0.02")
    async with asyncio.timeout(60):
        assert "run-1 goes on" in await operator.refused(1, *words)
