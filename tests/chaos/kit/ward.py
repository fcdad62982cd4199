"""A location whose agent is killed at a planned boundary, and what there is to see afterwards."""

import asyncio
import json
import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
from boundary import PASSED, PID, PLAN
from chaos_kit import digest, marked
from fastapi import FastAPI, Request, Response

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_common.commands import Command
from wod_common.heartbeat import HeartbeatReceipt
from wod_demo.ports import free_port

WORKSHOP = "WKSHP-Cut"
PATIENCE = 60.0  # seconds for what takes one or two on an idle machine
TOKEN, LOGIN_TOKEN = "the gate's own token", "the hub's own token"
SEATS = 200
#: Shell scripts, so that each is a place to die at as well: when it has done its work and before the agent knows.
HOOKS = ("create", "post-copy", "cleanup")
FINAL = {"done", "failed", "superseded"}


async def until(look: Callable[[], bool], what: str) -> None:  # poll: the agent is a process of its own
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE:.0f} s"
        await asyncio.sleep(0.02)


class Reports:
    """The api-db's place: takes every event once, and what comes again must be the same."""

    def __init__(self) -> None:
        self.away = False
        self.refused = 0
        self.taken: defaultdict[UUID, dict[int, dict[str, Any]]] = defaultdict(dict)
        self.app = FastAPI()
        self.app.post("/api/v1/login")(lambda: {"access_token": "a token"})
        self.app.post("/api/v1/locations/1/heartbeat")(lambda: HeartbeatReceipt(seats=[]))
        self.app.post("/api/v1/commands/{command}/events")(self._take)

    async def _take(self, command: UUID, request: Request) -> Response:
        if self.away:
            self.refused += 1
            return Response(status_code=503)
        event = await request.json()
        known = self.taken[command].setdefault(event["number"], event)
        return Response('{"state": "accepted"}', 200 if known == event else 409)

    def of(self, command: Command) -> list[dict[str, Any]]:
        return [event for _, event in sorted(self.taken[command.id].items())]

    def ends(self, command: Command) -> list[dict[str, Any]]:
        return [event for event in self.of(command) if event["type"] in FINAL]


class Ward:
    """One state and one api-db for all the agents that follow each other."""

    def __init__(self, folder: Path, agents: "subprocess.Popen[str]", *, direct: bool) -> None:
        self.folder = folder
        self.direct = direct
        self.homes = folder / "homes"
        self.reports = Reports()
        self.api_port, self.port = free_port(), free_port()
        #: of the present command: how often the agent died, and whom it left behind
        self.deaths = 0
        self.left: list[psutil.Process] = []
        self._command: Command | None = None
        self._agents = agents
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE, trust_env=False)
        self._content()

    def _content(self) -> None:
        self.homes.mkdir(parents=True)
        workshop = self.folder / "content" / WORKSHOP
        (workshop / "data").mkdir(parents=True)
        (workshop / "wod.yml").write_text("varpass: true\n")
        cells: list[dict[str, Any]] = [
            {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": n} for n in (1, None)
        ]
        lab = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
        (workshop / "1-Lab.ipynb").write_text(json.dumps(lab))
        (workshop / "connect.env").write_text("student{{ STDID }}\n{{ PASSSTU }}\n{{ HANDED }}\n")
        (workshop / "check.sh").write_text("#!/bin/sh\necho student{{ STDID }}\n")
        (workshop / "check.sh").chmod(0o755)
        (workshop / "data" / "noise.bin").write_bytes(bytes(range(256)) * 100)
        scripts = self.folder / "content" / "scripts"
        scripts.mkdir()
        boundary = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).with_name("boundary.py"))])
        for kind in HOOKS:
            handed = '\necho HANDED=over > "$WODTOKENS"' if kind == "create" else ""
            (scripts / f"{kind}-{WORKSHOP}.sh").write_text(
                f"#!/bin/sh -e\necho {kind} $stdid >> {self.folder}/ran{handed}\n"
                f"CUT_FOLDER={self.folder} CUT_PLACE='hook: {kind}' {boundary}\n"
            )
            (scripts / f"{kind}-{WORKSHOP}.sh").chmod(0o755)

    async def close(self) -> None:
        await self._http.aclose()
        if pid := self._agent():
            os.kill(pid, 9)
        for process in self._working_here():
            with suppress(psutil.Error):
                process.kill()

    async def run(self, command: Command, boundary: str | None = None) -> list[str]:
        """The boundaries that were passed, when all of the command has been reported and nothing of it goes on."""
        self.deaths, self.left, self._command = 0, [], command
        (self.folder / PASSED).unlink(missing_ok=True)
        if boundary:
            (self.folder / PLAN).write_text(boundary)
        await self._persist(lambda: self._hand_in(command))
        await self._persist(lambda: self._over(command))
        if boundary:
            await until(lambda: not (self.folder / PLAN).exists(), boundary)
            # it may have been the last one
            await self._persist(lambda: self._over(command))
        return (self.folder / PASSED).read_text().splitlines()

    async def _persist(self, step: Callable[[], Any]) -> Any:
        """Until the step succeeds, with another agent after every death, as systemd would start it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self._agent() is None:
                await self._start()
            try:
                return await step()
            except (httpx.TransportError, AssertionError):
                assert time.monotonic() < deadline, (self.folder / "agent.log").read_text()[-3000:]
                await asyncio.sleep(0.02)  # poll: an agent that has been killed may still be seen

    async def _start(self) -> None:
        if (self.folder / PID).exists() and self._command:
            self.deaths += 1
            self.left += [*marked(self._command), *self._working_here()]
        job = {"folder": str(self.folder), "settings": self._settings(), "direct": self.direct}
        assert self._agents.stdin
        assert self._agents.stdout
        self._agents.stdin.write(json.dumps(job) + "\n")
        self._agents.stdin.flush()
        pid = int(await asyncio.to_thread(self._agents.stdout.readline))
        (self.folder / PID).write_text(str(pid))
        await until(lambda: self._listens() or not psutil.pid_exists(pid), "an agent that answers")

    def _working_here(self) -> list[psutil.Process]:
        """Of a run that serves several commands, which carries a marker of its own."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                environment = process.environ()
                if RUN_MARKER in environment and environment.get("TMPDIR", "").startswith(str(self.folder)):
                    found.append(process)
        return found

    def _settings(self) -> dict[str, Any]:
        return {
            "port": self.port,
            "location": 1,
            "seats": SEATS,
            "homes": str(self.homes),
            "state": str(self.folder / "state"),
            "notebooks": str(self.folder / "content"),
            "api_url": f"http://127.0.0.1:{self.api_port}",
            "api_username": "agent",
            "api_password": "agent's password",
            "hub_url": "http://127.0.0.1:1",
            "hub_token": "the token for the hub",
            "hub_login_token": LOGIN_TOKEN,
            "token": TOKEN,
            "secret": "what seals the journal",
            "concurrency": 2,
        }

    def _agent(self) -> int | None:
        with suppress(OSError, ValueError):
            pid = int((self.folder / PID).read_text())
            return pid if psutil.pid_exists(pid) else None
        return None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def _hand_in(self, command: Command) -> None:
        answer = await self._http.post("/commands", json=command.model_dump(mode="json"), headers=_bearer(TOKEN))
        assert answer.status_code == 202, answer.text

    async def _over(self, command: Command) -> None:
        """No more events can come, all are reported, and the journal's thread has nothing left to do."""
        events = await self._ask(f"/commands/{command.id}/events")
        numbers = {int(line[3:]) for line in events.splitlines() if line.startswith("id:")}
        assert set(self.reports.taken[command.id]) == numbers
        assert self._unreported() == 0
        await self._ask(f"/commands/{command.id}")

    async def _ask(self, path: str) -> str:
        answer = await self._http.get(path, headers=_bearer(TOKEN))
        assert answer.status_code == 200, answer.text
        return answer.text

    def _unreported(self) -> int:
        with closing(sqlite3.connect(f"file:{self.folder}/state/journal.sqlite?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM events WHERE NOT reported").fetchone()[0])

    async def logs_in(self, student: int, password: str) -> bool:
        form = {"username": f"student{student}", "password": password}
        answer = await self._http.post("/hub/login", json=form, headers=_bearer(LOGIN_TOKEN))
        return bool(answer.json()["allowed"])

    def ran(self, kind: str, student: int) -> int:
        return (self.folder / "ran").read_text().splitlines().count(f"{kind} {student}")

    def tree(self, student: int, password: str) -> dict[str, tuple[str, str]]:
        """Mode and content of all that is in the home, with the person's own words taken out."""
        home = self.homes / f"student{student}"
        return {
            str(path.relative_to(self.homes)).replace(f"student{student}", "<student>", 1): (
                oct(path.lstat().st_mode),
                digest(path, f"student{student}", password),
            )
            for path in (home, *sorted(home.rglob("*")))
        }


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
