"""Seats, registrations, workshops, locations, pauses, notices, mails: thin over the API."""

import json

from api_support import ADMIN
from cli_platform import WORKSHOP, Platform, Terminal
from locations_support import beat


async def test_seats(platform: Platform, operator: Terminal) -> None:
    await platform.running()
    listed = (await operator.json("seats", "list", "--location", 1, "--state", "assigned"))["items"]
    assert [seat["username"] for seat in listed] == ["student1"]
    assert (await operator.json("seats", "show", 1001))["state"] == "assigned"
    assert "somebody has it" in await operator.refused(1, "seats", "clean", 1001)
    await beat(platform.api)
    assert (await operator.json("seats", "verify", 1002))["verb"] == "VERIFY"
    await operator.refused(1, "seats", "show", 77)


async def test_wishes_for_seats(platform: Platform, operator: Terminal) -> None:
    file = platform.terminal.home / "seat-wishes.yml"
    file.write_text(f"Grenoble:\n  {WORKSHOP}: 20\n")
    planned = await operator.json("seats", "wishes", file, "--dry-run")
    assert [(row["first"], row["last"]) for row in planned["booked"]] == [(1, 20)]
    assert (await operator.json("workshops", "show", WORKSHOP))["placements"][0]["last"] == 3
    await operator.json("seats", "wishes", file)
    assert (await operator.json("workshops", "show", WORKSHOP))["placements"][0]["last"] == 20
    file.write_text(f"Grenoble:\n  {WORKSHOP}: 41\n")
    ran = await operator.run("seats", "wishes", file, "--json")
    assert ran.status == 1
    assert "the longest gap has 40" in ran.document["refused"][0]["reason"]
    file.write_text("Grenoble:\n  - 1\n")
    assert "line 2" in await operator.refused(1, "seats", "wishes", file)
    assert "cannot be read" in await operator.refused(2, "seats", "wishes", file.parent)


async def test_registrations(platform: Platform, operator: Terminal) -> None:
    identity = await platform.running()
    [listed] = (await operator.json("registrations", "list", "--email", "ada@example.org"))["items"]
    assert listed["id"] == identity
    ended = await operator.json("registrations", "end", identity, "--reason", "asked for by mail")
    assert (ended["state"], ended["end_reason"]) == ("ended", "operator")
    assert (await operator.json("registrations", "show", identity))["events"]
    assert "ended already" in await operator.refused(1, "registrations", "end", identity, "--reason", "again")
    assert (await operator.json("registrations", "list", "--state", "running"))["items"] == []


async def test_the_waiting_list(platform: Platform, operator: Terminal) -> None:
    await platform.api.change("UPDATE placements SET capacity = 0")
    person = ("registrations", "add", WORKSHOP, "--email", "bea@example.org", "--name", "Bea", "--terms", "1")
    assert "waiting list" in await operator.refused(1, *person)
    assert (await operator.json(*person, "--wait"))["state"] == "waiting"
    [listed] = (await operator.json("registrations", "list", "--state", "waiting"))["items"]
    assert listed["waiting_since"] is not None
    ended = await operator.json("registrations", "end", listed["id"], "--reason", "asked for by mail")
    assert ended["state"] == "cancelled"


async def test_workshops(platform: Platform, operator: Terminal) -> None:
    [listed] = (await operator.json("workshops", "list"))["items"]
    assert listed["notebook"] == WORKSHOP
    assert (await operator.json("workshops", "show", WORKSHOP))["placements"][0]["last"] == 3
    await operator.json("workshops", "deactivate", WORKSHOP, "--text", "Being mended.")
    assert (await platform.api.register()).status_code == 409
    await operator.json("workshops", "activate", WORKSHOP)
    assert (await platform.api.register()).status_code == 201
    kept = await operator.json("workshops", "ready", WORKSHOP, "--location", 1, "--minimum", 1, "--maximum", 2)
    assert (kept["ready_minimum"], kept["ready_maximum"], kept["ready_target"]) == (1, 2, 1)
    assert await operator.json("workshops", "ready", WORKSHOP, "--location", 1) == kept
    report = await operator.json("workshops", "sync", "--dry-run")
    assert report["applied"] is False


async def test_a_synchronisation_that_refuses_a_workshop_fails(platform: Platform, operator: Terminal) -> None:
    (platform.terminal.home / "notebooks" / WORKSHOP / "wod.yml").write_text("name: [")
    ran = await operator.run("workshops", "sync", "--json")
    assert ran.status == 1
    assert len(ran.document["refused"]) == 1
    assert json.loads(ran.err)["type"] == "refused"


async def test_locations(platform: Platform, operator: Terminal) -> None:
    await operator.json("locations", "drain", 1)
    assert (await operator.json("locations", "show", 1))["drained_at"]
    assert (await platform.api.register()).status_code == 409
    await operator.json("locations", "undrain", 1)
    [listed] = (await operator.json("locations", "list"))["items"]
    assert (listed["name"], listed["drained_at"]) == ("Grenoble", None)


async def test_pauses(platform: Platform, operator: Terminal) -> None:
    assert "--everywhere" in await operator.refused(2, "pauses", "set", "We move.")
    assert "--everywhere" in await operator.refused(2, "pauses", "set", "We move.", "--location", 1, "--everywhere")
    await operator.json("pauses", "set", "We move.", "--everywhere")
    assert (await platform.api.register()).status_code == 409
    assert [pause["text"] for pause in (await operator.json("pauses", "list"))["items"]] == ["We move."]
    await operator.json("pauses", "clear", "--everywhere")
    assert (await operator.json("pauses", "list"))["items"] == []


async def test_mails(platform: Platform, operator: Terminal) -> None:
    await platform.running()
    [mail] = (await operator.json("mail", "list", "--template", "credentials"))["items"]
    assert "queued" in await operator.refused(1, "mail", "resend", mail["id"])


async def test_a_table_is_for_people_and_cuts_nothing_off(platform: Platform, operator: Terminal) -> None:
    email = f"{'a' * 60}@{'b' * 60}.example.org"
    await platform.running(email)
    ran = await operator.run("registrations", "list")
    assert ran.status == 0
    assert email in ran.out
    assert "created at" in ran.out


async def test_what_would_steer_the_terminal_is_taken_out(platform: Platform, operator: Terminal) -> None:
    identity = await platform.running()
    await platform.api.change("UPDATE registrations SET name = E'\\x1b]0;owned\\x07[bold]Ada', failure = E'\\x1b[2J'")
    for words in (("registrations", "list"), ("registrations", "show", identity)):
        ran = await operator.run(*words)
        assert "\x1b" not in ran.out
        assert "\x07" not in ran.out
    assert "[bold]Ada" in ran.out


async def test_what_an_account_may_not_do_is_refused_with_the_reason(platform: Platform, operator: Terminal) -> None:
    await platform.api.change("UPDATE accounts SET role = 'moderator' WHERE username = 'operator'")
    await platform.log_in(ADMIN)
    assert "admin" in await operator.refused(1, "locations", "drain", 1)


async def test_a_wrong_value_is_a_mistake_in_the_command(operator: Terminal) -> None:
    for words, said in (
        (("seats", "show", "seven"), "SEAT"),
        (("command", "show", "x"), "COMMAND"),
        (("seats", "nothing"), "nothing"),
        (("seats", "list", "--x"), "--x"),
    ):
        assert said in await operator.refused(2, *words)
    ran = await operator.run("seats", "show", "seven")
    assert ran.status == 2
    assert "SEAT" in ran.err


async def test_the_timeout_counts(platform: Platform, operator: Terminal) -> None:
    async with platform.api.sessions.begin():
        assert "--timeout" in await operator.refused(2, "seats", "list", "--timeout", "0")


async def test_the_database_is_kept_and_brought_back(platform: Platform, operator: Terminal) -> None:
    state = platform.api.app.state
    surroundings = {
        "WOD_API_DATABASE_URL": state.settings.plain_database_url,
        "WOD_API_SECRET": state.settings.secret.get_secret_value(),
        "WOD_API_COMMAND_KEY": str(state.settings.command_key),
    }
    file = platform.terminal.home / "wod.backup"
    for words in (("upgrade",), ("backup", file)):
        ran = await operator.run("db", *words, "--json", **surroundings)
        assert ran.status == 0, ran.err
    ran = await operator.run("db", "restore", file, "--json", **surroundings)
    assert ran.status == 1
    assert "in use already" in ran.problem["detail"]
