"""A back end of the original, played by a script with curl and jq, serves a registration of our api-db to its end."""

import asyncio
import os
import shutil
from email.message import Message
from pathlib import Path

import httpx
import pytest
from api_support import ADMIN
from contract_installation import Installation
from contract_sides import GATE, text_of

SCRIPT = Path(__file__).with_name("original_back_end.sh")
PERSON = "ada@corp-a.com"
SEAT_PASSWORD = "made-by-the-back-end"

MISSING = [tool for tool in ("bash", "curl", "jq") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"NOT PROVED: install {', '.join(MISSING)} (apt-get install curl jq)"
)


async def act(installation: Installation, command: Message) -> str:
    """What the original's mail system does with a command mail: the rest of its subject becomes arguments."""
    verb, student, customer, *_ = str(command["Subject"]).split()
    environment = {
        "PATH": os.environ["PATH"],
        "API": f"{installation.url}/api",
        "API_USER": ADMIN["username"],
        "API_PASSWORD": ADMIN["password"],
        "BASESTDID": "1000",
        "SEAT_PASSWORD": SEAT_PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        "bash", str(SCRIPT), verb, student, customer,
        env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    body = command.get_payload(decode=True)
    assert isinstance(body, bytes)
    out, errors = await process.communicate(body.replace(b"\r\n", b"\n"))  # as a mail system delivers it
    assert process.returncode == 0, errors.decode()
    return out.decode()


async def next_command(installation: Installation, verb: str) -> str:
    """The one command that the worker has for the location now, acted upon."""
    await installation.work()
    [command] = installation.mailbox.take(GATE)
    assert str(command["Subject"]).split()[0] == verb
    return await act(installation, command)


async def register(installation: Installation) -> int:
    form = {"name": "ada martin", "email": PERSON, "company": "Corp A", "sessionName": "API 101"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{installation.url}/api/customer", json=form)
    assert answer.status_code == 200
    return int(answer.json()["id"])


async def test_a_registration_runs_from_welcome_to_a_free_seat(installation: Installation) -> None:
    await register(installation)
    read = await next_command(installation, "CREATE")
    assert read.split() == [
        "ldap=false",
        "varpass=false",
        "compile=",
        "monoappliance=false",
        "multiappliance=false",
        "first=1",
    ]
    await installation.work()
    [_, credentials] = installation.mailbox.take(PERSON)
    assert SEAT_PASSWORD in text_of(credentials)
    assert "student1" in text_of(credentials)
    await installation.execute("UPDATE registrations SET ends_at = now()")
    await next_command(installation, "CLEANUP")
    assert await installation.execute("SELECT state, completion FROM registrations") == [("ended", 75)]
    await next_command(installation, "PURGE")
    assert await installation.execute("SELECT state FROM students WHERE number = 1") == [("free",)]
    await installation.work()
    assert len(installation.mailbox.take(PERSON)) == 1
    assert installation.mailbox.take(GATE) == []


async def test_a_workshop_that_needs_a_reset_gets_it_before_the_purge(installation: Installation) -> None:
    await installation.execute("UPDATE workshops SET reset = true")
    await register(installation)
    await next_command(installation, "CREATE")
    await installation.execute("UPDATE registrations SET ends_at = now()")
    for verb in ("CLEANUP", "RESET", "PURGE"):
        await next_command(installation, verb)
    query = "SELECT s.state, r.cleaned_at IS NOT NULL FROM registrations r JOIN students s ON s.id = r.student_id"
    assert await installation.execute(query) == [("free", True)]


async def test_a_command_that_is_done_twice_harms_nobody(installation: Installation) -> None:
    """A lost answer makes the api-db send a command again; what the second run reports is noted and no more."""
    await register(installation)
    await installation.work()
    [create] = installation.mailbox.take(GATE)
    await act(installation, create)
    await act(installation, create)
    assert await installation.execute("SELECT state FROM registrations") == [("running",)]
    events = await installation.execute(
        "SELECT data->>'field' FROM registration_events WHERE type = 'legacy-unexpected'"
    )
    assert events == [("password",)]
