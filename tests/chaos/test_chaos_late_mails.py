"""Command mails that come too late, signed with the platform's own key: they change nothing."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiosmtplib
import httpx
import pytest
from chaos_kit import LATE, RANGES, Chaos, Guest, lab_answers, marked
from pydantic import SecretStr
from visitor import until

from wod_api_db.commands.transports import Dispatch, build_mail
from wod_api_db.settings import Settings
from wod_common.commands import Command, CommandState, Verb
from wod_demo.settings import HOST
from wod_jupyterhub.testing import run_cell

pytestmark = pytest.mark.timeout(180)
SEAT = RANGES[LATE][0]
USERNAME = f"student{SEAT}"


@dataclass(frozen=True)
class Sender:
    """The api-db's half of the road, under the test's control."""

    chaos: Chaos

    async def send(self, command: Command, email: str) -> str:
        """The gate's reply."""
        port = self.chaos.stack.settings.ports.mailgate
        dispatch = Dispatch(command, 1, command.registration, "wodadmin@localhost", email, HOST, port)
        mail = build_mail(dispatch, self._settings())
        data = mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))
        async with aiosmtplib.SMTP(hostname=HOST, port=port) as client:
            _, reply = await client.sendmail("workshops@example.org", [dispatch.recipient], data)
        return reply

    def _settings(self) -> Settings:
        key: Path = self.chaos.stack.state.command_key
        unused = SecretStr("postgresql://nobody@localhost/nothing")
        return Settings(database_url=unused, secret=SecretStr(uuid4().hex), command_key=key)


def late(command: Command, verb: Verb, sequence: int) -> Command:
    """Another command of the same assignment of the seat."""
    return command.model_copy(update={"id": uuid4(), "verb": verb, "sequence": sequence})


async def receipt(chaos: Chaos, command: Command) -> str:
    """Where the agent says that the command stands."""
    headers = {"Authorization": f"Bearer {chaos.stack.state.secrets().agent_token}"}
    answer = await chaos.platform.http.get(f"{chaos.platform.urls['agent']}/commands/{command.id}", headers=headers)
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["state"])


async def gone(chaos: Chaos, email: str) -> tuple[Guest, Command]:
    """Somebody who cancelled while the CREATE ran, and that CREATE; the seat is clean."""
    guest = await chaos.register(LATE, email)
    command = await chaos.create_of(guest)
    await chaos.platform.end(guest.token)
    assert (await chaos.platform.cleaned(guest.token))["state"] == "cancelled"
    return guest, command


async def test_a_late_create_of_a_cancelled_registration_leaves_the_seat_empty(chaos: Chaos) -> None:
    guest, create = await gone(chaos, "cancelled@example.org")
    view = await chaos.platform.registration(guest.token)
    for command in (create, late(create, Verb.CREATE, 1), late(create, Verb.CREATE, 2)):
        reply = await Sender(chaos).send(command, guest.email)
        assert reply.endswith("superseded")
        assert await receipt(chaos, command) == CommandState.SUPERSEDED
        assert marked(command) == []
    assert list(chaos.platform.home(USERNAME).iterdir()) == []
    assert await chaos.platform.registration(guest.token) == view
    assert await chaos.platform.seat_state(USERNAME) == "free"
    assert chaos.letters(guest.email) == []


async def test_late_mails_of_the_previous_person_do_not_touch_the_next_one(chaos: Chaos) -> None:
    old, create = await gone(chaos, "previous@example.org")
    guest = await chaos.register(LATE, "next@example.org")
    username, password = await chaos.credentials(guest)
    assert username == USERNAME
    own = await chaos.create_of(guest)
    async with chaos.signed_in(username, password) as browser:
        await until(partial(lab_answers, browser), "the lab")
        kernel = await browser.open_kernel()
        await run_cell(kernel, "kept = 41")
        before = await picture(chaos, guest, old, password)

        replayed = (create, late(create, Verb.PURGE, 4), late(create, Verb.CREATE, 9), late(create, Verb.CLEANUP, 10))
        for command in replayed:
            assert (await Sender(chaos).send(command, old.email)).endswith("superseded")
            assert await receipt(chaos, command) == CommandState.SUPERSEDED
            assert marked(command) == []

        assert (await Sender(chaos).send(own, guest.email)).endswith("done")
        assert await picture(chaos, guest, old, password) == before
        assert (await run_cell(kernel, "print(kept + 1)")).strip() == "42"
    async with chaos.signed_in(username, password):
        pass
    await chaos.credentials(guest)
    assert chaos.letters(old.email) == []


async def picture(chaos: Chaos, guest: Guest, old: Guest, password: str) -> dict[str, Any]:
    """All that a late mail might change."""
    return {
        "home": chaos.tree(USERNAME, password),
        "guest": await chaos.platform.registration(guest.token),
        "old": await chaos.platform.registration(old.token),
        "commands": await chaos.platform.operator("commands", registration=guest.registration),
        "seat": await chaos.platform.seat_state(USERNAME),
    }
