"""One visitor after another on a running stack, and the moments that are seen from outside."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from wod_demo.maildir import Maildir
from wod_demo.stack import Stack

STREAM_LIMIT = 180.0  # seconds without an event
MAIL_LIMIT = 30.0  # seconds
_FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')

Event = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """A registration form that lies open in somebody's browser."""

    browser: httpx.AsyncClient
    address: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Registered:
    """``clicked`` and ``answered`` are seconds of the wall clock, which the services' own times are told by."""

    token: str
    clicked: float
    answered: float


def moment(event: Event) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()


class Visitors:
    """Everyone who registers for one workshop of this stack."""

    def __init__(self, stack: Stack, workshop: str) -> None:
        self._urls = stack.urls
        self._workshop = workshop
        self._mails = Maildir(stack.state.mail)
        self._http = httpx.AsyncClient(timeout=STREAM_LIMIT, trust_env=False)
        self._agent = {"Authorization": f"Bearer {stack.state.secrets().agent_token}"}

    async def close(self) -> None:
        await self._http.aclose()

    async def open_form(self, email: str) -> Form:
        # the portal hangs up on who reads for long, and a browser then connects once more
        limits = httpx.Limits(max_keepalive_connections=0)
        browser = httpx.AsyncClient(timeout=STREAM_LIMIT, trust_env=False, limits=limits)
        address = f"{self._urls['portal']}/workshops/{self._workshop}"
        page = (await browser.get(address)).raise_for_status()
        found = _FORM_TOKEN.search(page.text)
        if found is None:
            raise RuntimeError(f"{address} shows no form: is the workshop open?")
        fields = {"name": "Ada Martin", "email": email, "terms": "yes", "form_token": found[1]}
        return Form(browser, address, fields)

    async def click(self, form: Form) -> Registered:
        clicked = time.time()
        answer = await form.browser.post(form.address, data=form.fields)
        answered = time.time()
        await form.browser.aclose()
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise RuntimeError(
                f"the portal answered {answer.status_code} to the registration of {form.fields['email']}"
            )
        return Registered(answer.headers["Location"].rsplit("/", 1)[1], clicked, answered)

    async def end(self, token: str) -> float:
        """The moment at which it was asked for."""
        asked = time.time()
        (await self._http.post(f"{self._urls['api']}/api/v1/registrations/{token}/end")).raise_for_status()
        return asked

    async def story(self, token: str) -> AsyncIterator[Event]:
        """The registration's events until its seat is free. Raises RuntimeError where the lab could not be made."""
        async for event in self._events(f"{self._urls['api']}/api/v1/registrations/{token}/events", {}):
            if event["type"] in {"failed", "mail-failed", "seat-broken"}:
                raise RuntimeError(f"the run broke: {event}")
            yield event

    async def shown(self, token: str) -> dict[str, Any]:
        """The registration as its page asks for it."""
        answer = await self._http.get(f"{self._urls['api']}/api/v1/registrations/{token}")
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def registration_id(self, token: str) -> int:
        return int((await self.shown(token))["id"])

    async def agent_story(self, registration: int) -> list[Event]:
        """The agent's own events of this registration's CREATE."""
        records = (await self._http.get(f"{self._urls['agent']}/commands", headers=self._agent)).json()
        command = next(
            record["command"]["id"]
            for record in records
            if record["command"]["registration"] == registration and record["command"]["verb"] == "CREATE"
        )
        return [event async for event in self._events(f"{self._urls['agent']}/commands/{command}/events", self._agent)]

    async def credentials_at(self, email: str) -> float:  # poll: the catcher is another process
        """When the mail with the password reached the catcher."""
        deadline = time.monotonic() + MAIL_LIMIT
        while time.monotonic() < deadline:
            for mail in self._mails.newest_first():
                if email in mail.recipients and "ready" in mail.subject.lower():
                    return mail.at.timestamp()
            await asyncio.sleep(0.05)
        raise RuntimeError(f"no mail with a password for {email} within {MAIL_LIMIT:.0f} s")

    async def _events(self, address: str, headers: dict[str, str]) -> AsyncIterator[Event]:
        async with self._http.stream("GET", address, headers=headers) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    event: Event = json.loads(line.removeprefix("data:"))
                    yield event
