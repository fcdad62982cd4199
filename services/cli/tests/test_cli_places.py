"""What operators do to places: more seats, workshops that move, and a mail that shows whether mails leave."""

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cli_platform import WORKSHOP, Platform, Terminal
from doctor_world import Gate, smtp
from locations_support import HOUSTON, Operator

from wod_demo.ports import free_port


@pytest.fixture
async def houston(platform: Platform) -> None:
    """A second location of ten seats."""
    await (await Operator.of(platform.api)).done("POST", "/locations", HOUSTON)


async def test_a_location_gets_more_seats(platform: Platform, operator: Terminal, houston: None) -> None:
    assert (await operator.json("seats", "add", 2, 5))["seats"]["total"] == 15
    assert await platform.api.value("SELECT count(*) FROM students WHERE location_id = 2") == 15
    assert await platform.api.rows("SELECT object_id FROM audit WHERE action = 'location.change'") == [("2",)]


async def test_workshops_move_to_another_location(platform: Platform, operator: Terminal, houston: None) -> None:
    await platform.running()
    change = "UPDATE placements SET capacity = 2, ready_minimum = 1"
    await platform.api.change(change)
    planned = (await operator.json("locations", "move", 1, 2, "--dry-run"))["items"]
    assert planned == [
        {"workshop": WORKSHOP, "seats": 3, "first": 1, "last": 3, "moved": False, "reason": ""},
    ]
    assert len((await operator.json("workshops", "show", WORKSHOP))["placements"]) == 1
    [moved] = (await operator.json("locations", "move", 1, 2, "--workshop", WORKSHOP))["items"]
    assert moved["moved"]
    here, there = (await operator.json("workshops", "show", WORKSHOP))["placements"]
    assert (here["location"], here["closed_at"] is None) == (1, False)
    assert (there["location"], there["closed_at"]) == (2, None)
    assert [there[name] for name in ("first", "last", "capacity", "ready_minimum")] == [1, 3, 2, 1]
    # who is in stays, who comes is there
    assert await platform.api.rows("SELECT state, location_id FROM registrations") == [("running", 1)]
    await platform.api.register("bea@example.org")
    assert await platform.api.value("SELECT location_id FROM registrations ORDER BY id DESC LIMIT 1") == 2
    # and back, to the placement that is closed there
    assert (await operator.json("locations", "move", 2, 1))["items"][0]["moved"]
    assert (await operator.json("locations", "move", 2, 1))["items"] == []


async def test_what_does_not_fit_stays_where_it_is(platform: Platform, operator: Terminal, houston: None) -> None:
    await platform.api.change("UPDATE placements SET last_seat = 20")
    ran = await operator.run("locations", "move", 1, 2, "--json")
    assert ran.status == 1
    [row] = ran.document["items"]
    assert (row["moved"], "longest gap has 10" in row["reason"]) == (False, True)
    assert await platform.api.rows("SELECT location_id, closed_at FROM placements") == [(1, None)]
    assert "itself" in await operator.refused(2, "locations", "move", 1, 1)
    assert "WKSHP-Nowhere" in await operator.refused(1, "locations", "move", 1, 2, "--workshop", "WKSHP-Nowhere")
    assert "not given" in await operator.refused(2, "locations", "move", 2, 1, "--workshop", WORKSHOP)


async def test_what_was_half_moved_is_told(platform: Platform, operator: Terminal, houston: None) -> None:
    await platform.api.change("UPDATE placements SET ready_minimum = 1")
    await platform.api.change("UPDATE locations SET capabilities = '{}' WHERE id = 2")
    ran = await operator.run("locations", "move", 1, 2, "--json")
    assert ran.status == 1
    assert "keeps no files" in ran.document["items"][0]["reason"]
    assert "at location 2 as well" in ran.document["items"][0]["reason"]
    assert await platform.api.rows("SELECT location_id, closed_at FROM placements ORDER BY 1") == [(1, None), (2, None)]


class Relay:
    """Takes mail, but not for everybody."""

    def __init__(self) -> None:
        self.recipients: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.recipients += envelope.rcpt_tos
        return "250 OK"


async def test_a_trial_mail_shows_which_roads_are_open(platform: Platform, operator: Terminal) -> None:
    state = platform.api.app.state
    relay = Relay()
    with smtp(relay) as relay_port, smtp(Gate(state.settings.signer)) as gate_port:
        state.settings = state.settings.model_copy(update={"relay_port": relay_port})
        await platform.api.change("UPDATE locations SET gate_port = :port", port=gate_port)
        found = (await operator.json("mail", "test", "me@example.org"))["items"]
        assert [(finding["check"], finding["ok"]) for finding in found] == [("mail", True), ("commands", True)]
        assert relay.recipients == ["me@example.org"]
        ran = await operator.run("mail", "test", "nobody@example.org", "--json")
        assert (ran.status, [finding["ok"] for finding in ran.document["items"]]) == (1, [False, True])
        assert "no such mailbox" in ran.document["items"][0]["detail"]
        assert "address" in await operator.refused(1, "mail", "test", "not an address")
    state.settings = state.settings.model_copy(update={"relay_port": free_port()})
    ran = await operator.run("mail", "test", "me@example.org", "--json")
    assert "WOD_API_RELAY_HOST" in ran.document["items"][0]["mend"]
    assert "gate_port" in ran.document["items"][1]["mend"]
    told = await platform.api.rows("SELECT data FROM audit WHERE action = 'mail.test'")
    assert told == [({"domain": "example.org"},)] * 3
