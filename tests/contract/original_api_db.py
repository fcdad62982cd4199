"""Plays an original api-db: a server on a socket with its REST surface, its scheduler, and its way of sending mail.

What it answers and what it writes to the mail port are the bytes that were measured on the original, its faults
included. Nothing of our own api-db is in it.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

Row = dict[str, Any]

ACCOUNT = {"username": "hackshack", "password": "the-back-end's-own"}
LOCATION = 1
FQDN = "backend.example"
BASESTDID = 1000
PROMISE = "[object Promise]"
#: it compares this as it compares everything: at a tick
WELCOME_LIMIT = timedelta(minutes=10)
_FLAGS = {"active", "cleaned", "assigned", "reset"}
_NUMBERS = {"completionPercentage", "capacity"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _workshop(number: int, notebook: str, first: int, last: int, *, reset: bool) -> Row:
    return {
        "id": number, "name": f"{notebook} for you", "notebook": notebook, "capacity": last - first + 1,
        "range": [first, last], "reset": reset, "ldap": False, "varpass": False, "compile": None,
        "monoappliance": None, "multiappliance": None, "location": FQDN, "active": True, "duration": 2,
    }  # fmt: skip


@dataclass
class OriginalApiDb:
    """``gate`` is where its mails go; without one they are only kept in ``said``."""

    gate: int | None = None
    workshops: dict[int, Row] = field(default_factory=dict)
    students: dict[int, Row] = field(default_factory=dict)
    customers: dict[int, Row] = field(default_factory=dict)
    #: every command mail, as its Subject and body
    said: list[tuple[str, str]] = field(default_factory=list)
    #: mails to people: address and what it was about
    mailed: list[tuple[str, str]] = field(default_factory=list)
    #: every change that was asked for: path and values as they came
    puts: list[tuple[str, Row]] = field(default_factory=list)
    #: paths whose changes hang until they are let go, and are lost then
    held: set[str] = field(default_factory=set)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    tokens: set[str] = field(default_factory=set)
    logins: int = 0

    def add_workshop(self, notebook: str, first: int, last: int, *, reset: bool = False) -> None:
        number = len(self.workshops) + 1
        self.workshops[number] = _workshop(number, notebook, first, last, reset=reset)
        for seat in range(first, last + 1):
            self.students[BASESTDID + seat] = {
                "id": BASESTDID + seat, "url": "http://hub.example", "username": f"student{seat}",
                "password": "MYNEWPASSWORD", "assigned": False, "location": FQDN,
            }  # fmt: skip

    # what people do

    def register(self, notebook: str, email: str) -> Row:
        """Takes the first free seat of the range, as ``POST /customer`` does."""
        workshop = next(row for row in self.workshops.values() if row["notebook"] == notebook)
        first, last = (BASESTDID + seat for seat in workshop["range"])
        free = [row for row in self.students.values() if first <= row["id"] <= last and not row["assigned"]]
        free[0]["assigned"] = True
        workshop["capacity"] -= 1
        number = len(self.customers) + 1
        customer = {
            "id": number, "name": "Ada Martin", "email": email, "company": "Corp A", "sessionName": workshop["name"],
            "location": FQDN, "proxy": "hackshack", "active": False, "cleaned": None, "lastEmailSent": None,
            "notebook": notebook, "studentId": free[0]["id"], "completionPercentage": None, "hours": 2,
            "startDate": _now(), "endDate": _now(), "createdAt": datetime.now(UTC),
        }  # fmt: skip
        self.customers[number] = customer
        return customer

    def end(self, customer: int) -> None:
        """As ``PUT /customer/unregister/{id}``."""
        self.customers[customer] |= {"active": False, "lastEmailSent": "unregister", "endDate": _now()}

    # its scheduler

    async def tick(self) -> None:
        """Every 20 seconds, over all the customers there have ever been."""
        for customer in list(self.customers.values()):
            await self._look_at(customer)

    async def _look_at(self, customer: Row) -> None:
        last, number, seat = customer["lastEmailSent"], customer["id"], customer["studentId"] - BASESTDID
        if last is None:
            self._mail(customer, "welcome")
            await self.say(f"CREATE {seat} {number} {customer['email']}", customer["notebook"])
        elif last == "welcome" and customer["active"]:
            customer["shown"] = self.students[customer["studentId"]]["password"]
            self._mail(customer, "credentials")
        elif last == "welcome" and datetime.now(UTC) - customer["createdAt"] > WELCOME_LIMIT:
            self._mail(customer, "error")
            await self.say(f"CLEANUP {seat} {number}", customer["notebook"])
            await self.say(f"PURGE {PROMISE} {number}", customer["notebook"])
        elif last == "unregister" and "ended" not in customer:
            await self._end(customer, seat)

    async def _end(self, customer: Row, seat: int) -> None:
        """All in one breath: its wait between them does not wait, and it has forgotten the number by then."""
        customer["ended"] = True
        workshop = next(row for row in self.workshops.values() if row["notebook"] == customer["notebook"])
        await self.say(f"CLEANUP {seat} {customer['id']}", customer["notebook"])
        if workshop["reset"]:
            await self.say(f"RESET {PROMISE} {customer['id']}", customer["notebook"])
        await self.say(f"PURGE {PROMISE} {customer['id']}", customer["notebook"])

    def _mail(self, customer: Row, what: str) -> None:
        customer["lastEmailSent"] = what
        self.mailed.append((customer["email"], what))

    async def say(self, subject: str, body: str) -> None:
        """One mail: bare LF, no blank line before the body, in one write, and gone at the greeting."""
        self.said.append((subject, body))
        if self.gate is None:
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gate)
        lines = (
            "EHLO api.example", "MAIL FROM: <wod@api.example>", f"RCPT TO: <wodadmin@{FQDN}>", "DATA",
            f"Subject: {subject}", body, ".", "",
        )  # fmt: skip
        writer.write("\n".join(lines).encode())
        await reader.read(1)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    # its REST surface

    def app(self) -> FastAPI:
        app = FastAPI()
        app.post("/api/login")(self._log_in)
        app.get("/api/workshops")(lambda: [row | {"popular": False} for row in self.workshops.values()])
        app.get("/api/location/{row}")(self._location)
        for kind, name in (("students", "Student"), ("customers", "Customer"), ("workshops", "Workshop")):
            app.get(f"/api/{kind}/{{row}}")(self._show(kind, name))
            app.put(f"/api/{kind[:-1]}/{{row}}")(self._change(kind))
        app.get("/api/customers")(self._customers)
        return app

    async def _log_in(self, request: Request) -> Response:
        given = await request.json()
        if given["username"] != ACCOUNT["username"]:
            return JSONResponse({"message": "User Not found."}, 404)
        if given["password"] != ACCOUNT["password"]:
            return JSONResponse({"accessToken": None, "message": "Invalid Password!"}, 401)
        self.logins += 1
        token = secrets.token_urlsafe()
        self.tokens.add(token)
        roles = ["ROLE_USER", "ROLE_ADMIN"]
        return JSONResponse({"id": 2, "username": "hackshack", "email": "dummy", "roles": roles, "accessToken": token})

    def _stranger(self, request: Request) -> Response | None:
        token = request.headers.get("x-access-token")
        if token is None:
            return JSONResponse({"message": "No token provided!"}, 403)
        return None if token in self.tokens else JSONResponse({"message": "Unauthorized!"}, 401)

    async def _location(self, row: int) -> Response:
        known = {"id": LOCATION, "name": FQDN, "basestdid": BASESTDID, "proto": "http", "port": 8000}
        return JSONResponse(known) if row == LOCATION else HTMLResponse("Location Not Found", 400)

    async def _customers(self, request: Request) -> Response:
        return self._stranger(request) or JSONResponse([_shown(row) for row in self.customers.values()])

    def _show(self, kind: str, name: str) -> Callable[..., Any]:
        async def show(row: int, request: Request) -> Response:
            if kind != "workshops" and (stranger := self._stranger(request)):
                return stranger
            found = getattr(self, kind).get(row)
            return JSONResponse(_shown(found)) if found else HTMLResponse(f"{name} Not Found", 400)

        return show

    def _change(self, kind: str) -> Callable[..., Any]:
        async def change(row: int, request: Request) -> Response:
            if stranger := self._stranger(request):
                return stranger
            path, values = f"{kind[:-1]}/{row}", await request.json()
            self.puts.append((path, values))
            if path in self.held:
                await self.let_go.wait()
                return HTMLResponse("Bad Gateway", 502)
            found = getattr(self, kind).get(row)
            if found is None:
                return JSONResponse({"error": {}}, 400)
            # a field that it does not know is passed over
            found |= {name: _cast(name, value) for name, value in values.items() if name in found}
            return JSONResponse(_shown(found))

        return change


def _cast(name: str, value: Any) -> Any:
    """As its database takes a text for a flag or a number."""
    if name in _FLAGS:
        return {"true": True, "false": False}[str(value).lower()]
    return int(value) if name in _NUMBERS else value


def _shown(row: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in row.items() if name not in {"shown", "ended"}}
    return json.loads(json.dumps(own, default=str))


@asynccontextmanager
async def on_a_socket(app: FastAPI, port: int) -> AsyncIterator[str]:
    """Its base URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server._serve())  # the public serve() would take over the tests' signals
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)  # poll: uvicorn's flag
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task
