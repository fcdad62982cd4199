"""What a visitor does, and what can be seen of it from outside."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
from playwright.async_api import Page, expect
from pydantic import SecretStr

from wod_backend_agent.hub_client import JupyterHub
from wod_demo.postgres import Postgres
from wod_demo.stack import Stack
from wod_jupyterhub.testing import Browser as Student

BRIEF = "WKSHP-Brief"
TIGHT = "WKSHP-Tight"
PATIENCE = 60.0  # seconds; a busy machine with two cores needs a quarter of it
T = TypeVar("T")


async def until(  # poll: the platform does its work in other processes
    look: Callable[[], Awaitable[T | None]], what: str, patience: float = PATIENCE
) -> T:
    """The first answer that is not None; fails, saying ``what`` did not come."""
    deadline = time.monotonic() + patience
    while True:
        found = await look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {patience:.0f} s"
        await asyncio.sleep(0.05)


class Platform:
    """A running stack and its operator's view."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.AsyncClient(timeout=30, trust_env=False)

    async def close(self) -> None:
        await self.http.aclose()

    @property
    def urls(self) -> dict[str, str]:
        return self.stack.urls

    def home(self, username: str) -> Path:
        return self.stack.state.homes / username

    async def change(self, statement: str, *values: object) -> None:
        """Time is moved by its rows."""
        url = Postgres(self.stack.state.root, self.stack.settings.ports.pg, self.stack.state.secrets().database).url
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    async def register(self, workshop: str, email: str, **asked: object) -> str:
        """The personal token; by the API, where the form is not what is tested."""
        form = {"workshop": workshop, "name": "Ada Martin", "email": email, "terms_version": "1"} | asked
        answer = await self.http.post(f"{self.urls['api']}/api/v1/registrations", json=form)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return str(answer.json()["token"])

    async def registration(self, token: str) -> dict[str, Any]:
        answer = await self.http.get(f"{self.urls['api']}/api/v1/registrations/{token}")
        view: dict[str, Any] = answer.json()
        return view

    async def end(self, token: str) -> None:
        await self.http.post(f"{self.urls['api']}/api/v1/registrations/{token}/end")

    async def in_state(self, token: str, *states: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            view = await self.registration(token)
            return view if view["state"] in states else None

        return await until(look, f"state {states}")

    async def cleaned(self, token: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            view = await self.registration(token)
            return view if view["cleaned"] else None

        return await until(look, "the clean seat")

    async def operator(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        """Every page of a list."""
        account = {"username": "admin", "password": self.stack.state.secrets().admin_password}
        login = await self.http.post(f"{self.urls['api']}/api/v1/login", json=account)
        headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
        items: list[dict[str, Any]] = []
        while True:
            answer = await self.http.get(f"{self.urls['api']}/api/v1/{path}", params=filters, headers=headers)
            page = answer.json()
            items += page["items"]
            # a short list comes whole
            if page.get("next") is None:
                return items
            filters["cursor"] = page["next"]

    async def opens(self, username: str, password: str) -> bool:
        """Whether the hub lets somebody in with them."""
        student = Student(self.urls["hub"], username)
        answer = await student.sign_in(password)
        await student.close()
        return answer.status_code == httpx.codes.FOUND

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[JupyterHub]:
        """As the agent speaks to it."""
        token = SecretStr(self.stack.state.secrets().hub_token)
        async with JupyterHub(url=self.urls["hub"], token=token) as hub:
            yield hub

    async def fall_asleep(self, username: str) -> None:
        """As a lab does that nobody uses: its server is stopped, its files stay."""
        async with self.hub() as hub:

            async def runs() -> bool | None:
                return await hub.runs_server(username) or None

            async def stopped() -> bool | None:
                # again where the agent is still about to start it for its new holder
                await hub.stop_server(username)
                return not await hub.runs_server(username) or None

            await until(runs, "the server")
            await until(stopped, "its end")

    async def seat_state(self, username: str) -> str:
        return next(str(row["state"]) for row in await self.operator("students") if row["username"] == username)

    async def mail(self, recipient: str, subject: str) -> EmailMessage:
        """The mail to ``recipient`` whose subject has the word."""

        return (await self.mails(recipient, subject))[0]

    async def mails(self, recipient: str, subject: str, least: int = 1) -> list[EmailMessage]:
        """All of them, when so many have come."""

        async def look() -> list[EmailMessage] | None:
            found = [message for message in self.stack.mails() if _is(message, recipient, subject)]
            return found if len(found) >= least else None

        return await until(look, f"mail {least} with {subject!r} to {recipient}")

    async def credentials(self, recipient: str) -> tuple[str, str]:
        """User name and password out of the mail's text, as a person reads them."""
        return credentials_in(await self.mail(recipient, "ready"))


def _is(message: EmailMessage, recipient: str, subject: str) -> bool:
    return recipient in message["To"] and subject.lower() in message["Subject"].lower()


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def credentials_in(message: EmailMessage) -> tuple[str, str]:
    text = text_of(message)
    user = re.search(r"^User name:\s+(\S+)$", text, re.M)
    password = re.search(r"^Password:\s+(\S+)$", text, re.M)
    assert user, text
    assert password, text
    return user[1], password[1]


def link_in(message: EmailMessage, part: str) -> str:
    """The address in the mail's text that has the part in it."""
    found = next((word for word in text_of(message).split() if word.startswith("http") and part in word), None)
    assert found, text_of(message)
    return found


async def fill_in(page: Page, email: str, button: str = "Get my lab") -> None:
    """The form of a workshop's page, as a visitor does."""
    await page.get_by_label("Your name").fill("Ada Martin")
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("I accept").check()
    await page.get_by_role("button", name=button).click()


async def register_in_browser(page: Page, portal: str, workshop: str, email: str) -> str:
    """From the catalogue; the personal page's token."""
    await page.goto(f"{portal}/workshops")
    await page.locator(f"a[href*='{workshop}']").first.click()
    await fill_in(page, email)
    await expect(page).to_have_url(re.compile("/sessions/"))
    return page.url.rsplit("/", 1)[1]


async def sign_in(page: Page, platform: Platform) -> None:
    """The administrator, at the console."""
    await page.goto(f"{platform.urls['portal']}/console")
    await page.get_by_label("User name").fill("admin")
    await page.get_by_label("Password").fill(platform.stack.state.secrets().admin_password)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
