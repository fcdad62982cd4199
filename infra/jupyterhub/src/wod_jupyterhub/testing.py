"""A real hub to try things on: with a double of the agent's sign-in, homes, and a student's browser."""

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import Body, FastAPI, Header, HTTPException
from websockets.asyncio.client import ClientConnection, connect

from wod_jupyterhub.launching import command, environment

START_LIMIT = 60.0  # seconds
STOP_LIMIT = 30.0  # seconds


class DidNotStart(RuntimeError):
    """What was started for the trial ended or did not answer."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class SignInDouble:
    """The agent's ``POST /hub/login`` and nothing else; knows the passwords it is told."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.passwords: dict[str, str] = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        app = FastAPI()
        app.post("/hub/login")(self._login)
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="error", ws="none", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_LIMIT
        while not self._server.started:
            if time.monotonic() > deadline:
                raise DidNotStart("the double of the agent")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_LIMIT)

    async def _login(
        self, username: str = Body(), password: str = Body(), authorization: str = Header()
    ) -> dict[str, bool]:
        if authorization != f"Bearer {self.token}":
            raise HTTPException(401)
        return {"allowed": self.passwords.get(username) == password}


class HubTrial:
    """One hub with its own state under ``folder``, which a seat's uid must be able to enter."""

    def __init__(
        self,
        folder: Path,
        uid_base: int | None,
        seats: int = 40,
        *,
        delivery: str = "ansible",
        name: str | None = None,
        **limits: object,
    ) -> None:
        """``limits`` are those of ``HubSettings``, such as ``disk=50``. With a ``name`` labs have names below it."""
        self.sign_in = SignInDouble()
        self.service_token = secrets.token_hex(16)
        self.uid_base = uid_base
        self.homes = folder / "homes"
        self.state = folder / "state"
        self.log = folder / "hub.log"
        self.port = free_port()
        self.url = f"http://{name or '127.0.0.1'}:{self.port}"
        self.homes.mkdir()
        self._environment = environment(
            self.port, free_port(), free_port(), self.state, self.homes, seats, uid_base,
            self.sign_in.url, self.sign_in.token, self.service_token, self.url, delivery,
        )  # fmt: skip
        self._environment["WOD_HUB_SUBDOMAINS"] = "true" if name else "false"
        self._environment |= {f"WOD_HUB_LIMIT_{name.upper()}": str(value) for name, value in limits.items()}

    def take_service_tokens(self, token: str, other: str = "") -> None:
        """From the next start on."""
        self.service_token = token
        self._environment |= {"WOD_HUB_SERVICE_TOKEN": token, "WOD_HUB_SERVICE_TOKEN_OTHER": other}

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command(), env=self._environment, stdout=output, stderr=output)
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"the hub; its log ends:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_LIMIT)

    def crash(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_LIMIT)

    def make_seat(self, number: int) -> "Seat":
        """What the agent does before a student comes: a home and a password."""
        name = f"student{number}"
        home = self.homes / name
        home.mkdir()
        home.chmod(0o700)
        if self.uid_base:
            os.chown(home, self.uid_base + number, self.uid_base + number)
        self.sign_in.passwords[name] = secrets.token_hex(8)
        return Seat(self, name, home)

    def _answers(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self.port}/hub/health"
            return httpx.get(address, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class Seat:
    def __init__(self, hub: HubTrial, name: str, home: Path) -> None:
        self.hub = hub
        self.name = name
        self.home = home
        self._browsers: list[Browser] = []

    @property
    def password(self) -> str:
        return self.hub.sign_in.passwords[self.name]

    async def server(self) -> dict[str, Any]:
        """The hub's model of it, as the agent sees it."""
        headers = {"Authorization": f"token {self.hub.service_token}"}
        async with httpx.AsyncClient(base_url=self.hub.url, headers=headers, trust_env=False) as http:
            model: dict[str, Any] = (await http.get(f"/hub/api/users/{self.name}/server")).json()
            return model

    async def until_starting(self) -> None:
        async with asyncio.timeout(START_LIMIT):
            while (await self.server()).get("pending") != "spawn":  # noqa: ASYNC110 - the hub has no event for it
                await asyncio.sleep(0.01)

    def new_browser(self) -> "Browser":
        browser = Browser(self.hub.url, self.name)
        self._browsers.append(browser)
        return browser

    async def browser(self) -> "Browser":
        """Of a student who has signed in."""
        browser = self.new_browser()
        answer = await browser.sign_in(self.password)
        assert answer.status_code == httpx.codes.FOUND, answer.text
        return browser

    async def close_browsers(self) -> None:
        for browser in self._browsers:
            await browser.close()


class EveryNameHere(httpx.AsyncHTTPTransport):
    """Every name leads to this machine, as the ``.localhost`` ones do where the resolver knows them."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(
            httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )


class Browser:
    """Cookies, forms and websockets as a student's browser has them."""

    def __init__(self, url: str, username: str) -> None:
        self.username = username
        self.server = f"/user/{username}"
        self.http = httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, transport=EveryNameHere())
        self._sockets: list[ClientConnection] = []

    async def close(self) -> None:
        for opened in self._sockets:
            await opened.close()
        await self.http.aclose()

    async def sign_in(self, password: str) -> httpx.Response:
        page = await self.http.get("/hub/login")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert xsrf is not None, page.text
        form = {"_xsrf": xsrf[1], "username": self.username, "password": password}
        return await self.http.post("/hub/login", data=form)

    async def open_lab(self) -> httpx.Response:
        """The server has to run. Ends at the page, or at the hub's refusal."""
        return await self.http.get(f"{self.server}/lab", follow_redirects=True)

    async def call(self, method: str, path: str, **extra: Any) -> httpx.Response:
        """As the lab's page does: with the token against forged requests out of its cookie."""
        tokens = [c.value or "" for c in self.http.cookies.jar if c.name == "_xsrf" and path.startswith(c.path)]
        return await self.http.request(method, path, headers={"X-XSRFToken": tokens[-1] if tokens else ""}, **extra)

    async def open_kernel(self) -> ClientConnection:
        answer = await self.call("POST", f"{self.server}/api/kernels", json={"name": "python3"})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return await self.open_socket(f"{self.server}/api/kernels/{answer.json()['id']}/channels")

    async def open_socket(self, path: str) -> ClientConnection:
        request = self.http.build_request("GET", path)
        url = str(request.url).replace("http", "ws", 1)
        origin = str(self.http.base_url).rstrip("/")
        headers = {"Cookie": request.headers.get("Cookie", ""), "Origin": origin}
        opened = await connect(url, additional_headers=headers, proxy=None)
        self._sockets.append(opened)
        return opened


async def run_cell(kernel: ClientConnection, code: str) -> str:
    """What the code prints, or the text of its error."""
    identity = uuid.uuid4().hex
    header = {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity, "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await kernel.send(json.dumps(message))
    printed = ""
    while True:
        event = json.loads(await kernel.recv())
        if event["parent_header"].get("msg_id") != identity:
            continue
        printed += str(event["content"].get("text", event["content"].get("evalue", "")))
        if event["msg_type"] == "status" and event["content"]["execution_state"] == "idle":
            return printed
