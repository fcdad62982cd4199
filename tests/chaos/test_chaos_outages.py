"""The database, the mail relay and the hub go away in the middle of work."""

import asyncio
import time
from functools import partial

import httpx
import psutil
import pytest
from chaos_kit import BURST, HUB, RANGES, Chaos, Recovery, caught, lab_answers
from visitor import until

from wod_common.commands import CommandState, Verb
from wod_demo.services import UID_BASE
from wod_jupyterhub.testing import Browser

CROWD = 10
#: The supervisor's pauses between them double from 0.3 s: together about 10 s.
AWAY_DEATHS = 6


async def comes(chaos: Chaos, email: str) -> str | None:
    """Tries until an answer is final, as a person does; None where the place is taken but its token was not heard."""
    answer = await until(partial(attempt, chaos, email), f"an answer for {email}")
    if answer.status_code == httpx.codes.CONFLICT:
        assert answer.json()["type"].endswith("already-registered"), answer.text
        return None
    assert answer.status_code == httpx.codes.CREATED, answer.text
    return str(answer.json()["token"])


async def attempt(chaos: Chaos, email: str) -> httpx.Response | None:
    form = {"workshop": BURST, "name": "Ada Martin", "email": email, "terms_version": "1"}
    try:
        answer = await chaos.platform.http.post(f"{chaos.platform.urls['api']}/api/v1/registrations", json=form)
    except httpx.TransportError:
        return None
    return None if answer.is_server_error else answer


async def crowd(chaos: Chaos) -> list[dict[str, object]]:
    return [row for row in await chaos.platform.operator("registrations") if row["workshop"] == BURST]


async def all_running(chaos: Chaos) -> bool | None:
    rows = await crowd(chaos)
    return len(rows) == CROWD and all(row["state"] == "running" for row in rows)


@pytest.mark.timeout(600)
async def test_a_database_and_a_relay_that_go_away_during_a_burst_cost_no_registration(chaos: Chaos) -> None:
    emails = [f"burst-{number}@example.org" for number in range(CROWD)]
    deaths, began = chaos.stack.supervisor.deaths, time.monotonic()
    last = deaths["mailbox"] + AWAY_DEATHS
    async with chaos.away("mailbox"):
        coming = [asyncio.create_task(comes(chaos, email)) for email in emails]
        await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        await chaos.kill("postgres")
        tokens = [token for token in await asyncio.gather(*coming) if token]
        await caught(lambda: deaths["mailbox"] >= last, "the last death of the relay")
    copies = [await chaos.copies(email) for email in emails]
    chaos.recoveries.append(Recovery("postgres and the relay: the last of ten", time.monotonic() - began, max(copies)))
    assert copies == [1] * CROWD
    assert [await chaos.copies(email, "welcome") for email in emails] == [1] * CROWD
    assert await all_running(chaos)
    assert {(await chaos.platform.registration(token))["state"] for token in tokens} == {"running"}
    rows = await crowd(chaos)
    assert sorted(str(row["email"]) for row in rows) == emails
    assert len({row["student"] for row in rows}) == CROWD


def students_processes(chaos: Chaos, username: str) -> list[psutil.Process]:
    found, home, uid = [], chaos.platform.home(username), UID_BASE + RANGES[HUB][0]
    for process in psutil.process_iter(["uids", "cwd", "status"]):
        known = process.info
        if known["status"] == psutil.STATUS_ZOMBIE:
            continue
        if known["cwd"] == str(home) or (chaos.stack.isolated and known["uids"] and known["uids"].real == uid):
            found.append(process)
    return found


@pytest.mark.timeout(600)
async def test_a_hub_killed_during_a_cleanup_leaves_a_clean_seat(chaos: Chaos) -> None:
    guest = await chaos.register(HUB, "hub@example.org")
    username, password = await chaos.credentials(guest)
    async with chaos.signed_in(username, password) as browser:
        await until(partial(lab_answers, browser), "the lab")
        await browser.open_kernel()
        assert students_processes(chaos, username)
        began = time.monotonic()
        await chaos.platform.end(guest.token)
        await caught(lambda: chaos.in_journal(guest, Verb.CLEANUP, CommandState.RUNNING), "the running CLEANUP")
        await chaos.kill("hub")
    view = await chaos.platform.cleaned(guest.token)
    chaos.recoveries.append(
        Recovery("hub: killed during a CLEANUP (from the end to the clean seat)", time.monotonic() - began, 0)
    )
    assert view["state"] == "ended"
    assert list(chaos.platform.home(username).iterdir()) == []
    assert students_processes(chaos, username) == []
    assert await chaos.platform.seat_state(username) == "free"
    stranger = Browser(chaos.platform.urls["hub"], username)
    assert (await stranger.sign_in(password)).status_code == httpx.codes.FORBIDDEN
    await stranger.close()
