"""Any order of events: visitors, operators, two workers, agents and relays that lose, repeat, delay and reorder.

``WOD_STATEFUL_EXAMPLES`` asks for more runs than the fixed ones, each another one.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from api_support import Api, settings_for
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test
from stateful_classes import ADDRESSES, PICK, Answer, Teaching
from stateful_room import Rows
from stateful_world import World

from wod_api_db.app import create_app
from wod_api_db.mail.states import MailState
from wod_demo.postgres import Postgres

EXAMPLES = int(os.environ.get("WOD_STATEFUL_EXAMPLES", "0"))
DEADLINES = st.sampled_from(["stuck_at", "expiring_at", "ends_at", "no_show_at", "offer_ends_at", "wait_ends_at"])
MANY = st.integers(0, len(ADDRESSES))
#: What closes a door is soon undone: behind it nothing happens that could be judged.
SELDOM = st.sampled_from([True, False, False])

BROKEN_RULES = {
    "a seat that nobody holds is free, made ahead, looked at, or on its way to be": """
        SELECT s.id, s.state, count(r.id) FROM students s
        LEFT JOIN registrations r ON r.student_id = s.id AND r.cleaned_at IS NULL
        GROUP BY s.id HAVING count(r.id) > 1
            OR (count(r.id) = 1 AND s.state IN ('free', 'preparing', 'ready'))
            OR (count(r.id) = 0 AND s.state IN ('assigned', 'resetting'))""",
    "a seat is assigned exactly while its registration holds it": """
        SELECT s.id, s.state, r.state FROM students s JOIN registrations r ON r.student_id = s.id
        WHERE r.cleaned_at IS NULL
          AND (s.state = 'assigned') <> (r.state IN ('registered', 'deploying', 'running', 'expiring'))""",
    "the seats are all there": "SELECT count(*) FROM students HAVING count(*) <> 43",
    "an address holds one registration": """
        SELECT email_key FROM registrations WHERE state IN ('registered', 'deploying', 'running', 'expiring')
        GROUP BY email_key HAVING count(*) > 1""",
    "a password is kept while somebody may use it": """
        SELECT id, state FROM students WHERE sealed_password IS NOT NULL AND state <> 'assigned'""",
    "a registration sits on a seat of its own location": """
        SELECT r.id FROM registrations r JOIN students s ON s.id = r.student_id WHERE s.location_id <> r.location_id""",
    "what runs has an end": """
        SELECT id FROM registrations WHERE state IN ('running', 'expiring') AND (ends_at IS NULL OR ready_at IS NULL)""",
    "what is over says since when": """
        SELECT id FROM registrations WHERE state IN ('ended', 'failed', 'cancelled') AND ended_at IS NULL""",
    "a seat that is being cleaned has a command, waits for its range, or is an operator's": """
        SELECT s.id, s.state FROM students s WHERE s.state = 'cleaning' AND NOT EXISTS (
            SELECT 1 FROM commands c WHERE c.student_id = s.id AND c.state IN ('queued', 'sent', 'accepted', 'running'))""",
    "who waits, or is offered room, has no seat": """
        SELECT id FROM registrations WHERE state IN ('waiting', 'offered') AND student_id IS NOT NULL""",
    "an address waits once": """
        SELECT email_key FROM registrations WHERE state IN ('waiting', 'offered')
        GROUP BY email_key HAVING count(*) > 1""",
    "a free or ready seat has no command": """
        SELECT s.id FROM students s JOIN commands c ON c.student_id = s.id
        WHERE s.state IN ('free', 'ready') AND c.state IN ('queued', 'sent', 'accepted', 'running')""",
    "what is ready is ready for a placement": """
        SELECT id FROM students WHERE (state = 'ready' AND (prepared_placement_id IS NULL OR prepared_at IS NULL))
            OR (prepared_placement_id IS NOT NULL AND state NOT IN ('preparing', 'ready', 'broken'))""",
    "a class takes no more than it has booked": """
        SELECT c.id FROM classes c JOIN registrations r ON r.class_id = c.id
        WHERE r.cleaned_at IS NULL AND r.student_id IS NOT NULL GROUP BY c.id
        HAVING count(*) FILTER (WHERE NOT r.speaks) > c.seats
            OR count(*) FILTER (WHERE r.speaks) > c.speaker_seat::int""",
    "a class's lab is no longer than the class": """
        SELECT r.id FROM classes c JOIN registrations r ON r.class_id = c.id
        WHERE r.state IN ('registered', 'deploying', 'running', 'expiring')
            AND (c.ended_at IS NOT NULL OR r.class_ends_at <> c.ends_at)""",
}

#: What may be so for one sweep, and not for two.
UNEVEN = {
    "nothing is offered where nobody is let in": """
        SELECT r.id FROM registrations r JOIN locations l ON l.id = r.location_id
        WHERE r.state = 'offered' AND (l.drained_at IS NOT NULL OR EXISTS (SELECT FROM pauses))""",
    "no offer is kept beyond its time": """
        SELECT id FROM registrations WHERE state = 'offered' AND offer_ends_at <= now()""",
    "no class goes on beyond its time": "SELECT id FROM classes WHERE ended_at IS NULL AND ends_at <= now()",
    "what is ready is today's": """
        SELECT s.id FROM students s JOIN placements p ON p.id = s.prepared_placement_id
        JOIN workshops w ON w.id = p.workshop_id WHERE s.state = 'ready' AND (s.prepared_version <> w.content_version
            OR s.number NOT BETWEEN p.first_seat AND p.last_seat OR p.range_reset IS NOT NULL)""",
}


#: The same, counted by hand.
UNEVEN_COUNTS = {
    "room is offered while somebody waits for it": Rows.idle_room,
    "no more is offered than there is": Rows.offered_in_vain,
    "no more is ready than is wanted": Rows.ready_without_reason,
}


class Platform(Teaching):
    """The rules act on ``world``; the invariants look into the rows after each."""

    @initialize(reset=st.booleans(), taught=st.integers(0, 3), joining=MANY, crowd=MANY)
    def begin(self, reset: bool, taught: int, joining: int, crowd: int) -> None:
        """Some want to join a class that has begun, others come by themselves, and more than there is room for."""
        self.run(self.world.begin())
        if taught:
            self.book(seats=taught, speaker=False, ahead=timedelta(), location=1)
            for address in ADDRESSES[:joining]:
                self.join(0, address)
        for address in reversed(ADDRESSES[len(ADDRESSES) - crowd :]):
            self.register(address, wait=True)
        self.run(self.world.api.change("UPDATE workshops SET reset = :reset", reset=reset))

    # visitors

    @rule(address=st.sampled_from(ADDRESSES), wait=st.booleans())
    def register(self, address: str, wait: bool) -> None:
        before = self.rows()
        answer = self.run(self.world.api.register(address, wait=wait))
        assert answer.status_code in {201, 409}, answer.text
        if answer.status_code == 201:
            self.world.remember(answer)
        if answer.status_code == 201 and answer.json()["state"] == "registered":
            [placement] = self.run(self._placement_of(answer.json()["id"]))
            assert before.room(before.placement(placement)) > 0, "there was no room"
            assert not before.line, "somebody was overtaken"
        elif answer.status_code == 201 or answer.json()["type"] == "workshop-full":
            assert before.line or not any(before.rooms()), "there was room"
        assert wait or answer.status_code == 409 or answer.json()["state"] == "registered"

    async def _placement_of(self, registration: int) -> list[int]:
        query = "SELECT placement_id FROM registrations WHERE id = :id"
        return [row[0] for row in await self.world.api.rows(query, id=registration)]

    @rule(pick=PICK)
    def take_what_is_offered(self, pick: int) -> None:
        """One of those to whom something is offered, at two moments or at the same."""
        before = self.rows()
        offers = [row for row in before.registrations if row.state == "offered"]
        if not offers:
            return
        offer = offers[pick % len(offers)]
        path = f"/api/v1/registrations/{self._token_of(offer.id)}/take"
        first, second = self.run(self._both(self.world.post(path), self.world.post(path)))
        assert first.status_code in {200, 409}, first.text
        # where he holds another seat, or nobody is let in any more, neither click gets one
        assert (first.status_code == 200) == (second.status_code == 200)
        room = before.room(before.placement(offer.placement_id), taking=offer.id)
        if first.status_code == 200:
            assert room > 0, "what was offered is gone"
        elif first.json()["type"] == "offer-gone":
            assert not room or offer.offer_ends_at <= self.rows().now, "a good offer was refused"

    def _token_of(self, registration: int) -> str:
        return next(token for token in self.world.tokens if token.startswith(f"{registration}-"))

    async def _both(self, *calls: Coroutine[Any, Any, Answer]) -> list[Answer]:
        return list(await asyncio.gather(*calls))

    @precondition(lambda self: self.world.tokens)
    @rule(pick=PICK)
    def click_on_an_old_offer(self, pick: int) -> None:
        token = self.world.tokens[pick % len(self.world.tokens)]
        answer = self.run(self.world.post(f"/api/v1/registrations/{token}/take"))
        assert answer.status_code in {200, 404, 409}

    @precondition(lambda self: self.world.tokens)
    @rule(pick=PICK, act=st.sampled_from(["end", "extend"]))
    def end_or_extend(self, pick: int, act: str) -> None:
        token = self.world.tokens[pick % len(self.world.tokens)]
        assert self.run(self.world.post(f"/api/v1/registrations/{token}/{act}")).status_code in {200, 404, 409}

    @precondition(lambda self: self.world.tokens)
    @rule(pick=PICK, address=st.sampled_from(ADDRESSES))
    def correct_the_address(self, pick: int, address: str) -> None:
        index = pick % len(self.world.tokens)
        token = self.world.tokens[index]
        body = {"email": address, "browser_key": self.world.browser_keys[token]}
        answer = self.run(self.world.post(f"/api/v1/registrations/{token}/address", json=body))
        assert answer.status_code in {200, 409}
        if answer.status_code == 200:
            new = answer.json()["token"]
            self.world.tokens[index] = new
            self.world.browser_keys[new] = body["browser_key"]

    # operators

    @rule(location=st.integers(1, 2), drained=SELDOM)
    def drain(self, location: int, drained: bool) -> None:
        moment = "now()" if drained else "NULL"
        self.run(self.world.api.change(f"UPDATE locations SET drained_at = {moment} WHERE id = :id", id=location))

    @rule(paused=SELDOM)
    def pause(self, paused: bool) -> None:
        everywhere = "INSERT INTO pauses (text, created_by) VALUES ('Back at ten.', 'test') ON CONFLICT DO NOTHING"
        self.run(self.world.api.change(everywhere if paused else "DELETE FROM pauses"))

    @rule(placement=st.integers(1, 2), first=st.integers(1, 2), seats=st.integers(1, 3), capacity=st.integers(0, 3))
    def change_the_range(self, placement: int, first: int, seats: int, capacity: int) -> None:
        statement = "UPDATE placements SET first_seat = :first, last_seat = :last, capacity = :capacity WHERE id = :id"
        last = min(3, first + seats - 1)
        self.run(self.world.api.change(statement, first=first, last=last, capacity=capacity, id=placement))

    @rule(placement=st.integers(1, 2), whole=st.booleans())
    def choose_how_to_reset(self, placement: int, whole: bool) -> None:
        statement = "UPDATE placements SET reset_range = :whole WHERE id = :id"
        self.run(self.world.api.change(statement, whole=whole, id=placement))

    # workers, time, relay and gate

    @rule()
    def work(self) -> None:
        self.run(self.world.work())
        if self._is_uneven():
            self.run(self.world.work())
            assert not (uneven := self._is_uneven()), uneven

    def _is_uneven(self) -> list[str]:
        rows = self.rows()
        counted = [what for what, count in UNEVEN_COUNTS.items() if count(rows)]
        return [*counted, *(what for what, query in UNEVEN.items() if self.run(self.world.api.rows(query)))]

    @rule(mood=st.sampled_from(["takes", "is away", "refuses", "takes and hangs up"]), gate_away=st.booleans())
    def weather(self, mood: str, gate_away: bool) -> None:
        self.world.mailbox.mood = mood
        self.world.gate.away = gate_away

    @rule(deadline=DEADLINES, pick=PICK)
    def a_deadline_passes(self, deadline: str, pick: int) -> None:
        statement = f"""UPDATE registrations SET {deadline} = now() WHERE {deadline} IS NOT NULL AND id = (
            SELECT id FROM registrations ORDER BY id OFFSET :pick %
                (SELECT greatest(count(*), 1) FROM registrations) LIMIT 1)"""
        self.run(self.world.api.change(statement, pick=pick))

    @rule()
    def time_for_another_try(self) -> None:
        self.run(self.world.everything_is_due())

    # agents

    @precondition(lambda self: self.world.gate.inbox)
    @rule(pick=PICK, fate=st.sampled_from(["taken", "taken, and comes again", "lost"]))
    def a_command_arrives(self, pick: int, fate: str) -> None:
        inbox = self.world.gate.inbox
        command = inbox[pick % len(inbox)] if "again" in fate else inbox.pop(pick % len(inbox))
        if fate != "lost":
            self.world.agents.take(command)

    @precondition(lambda self: self.world.agents.running())
    @rule(pick=PICK, how=st.sampled_from(["goes on", "well", "well", "badly"]))
    def a_command_runs(self, pick: int, how: str) -> None:
        running = self.world.agents.running()
        command = running[pick % len(running)]
        if how == "goes on":
            self.world.agents.go_on(command)
        else:
            self.world.agents.finish(command, well=how == "well")

    @precondition(lambda self: self.world.agents.reports)
    @rule(pick=PICK, again=st.booleans())
    def a_report_arrives(self, pick: int, again: bool) -> None:
        reports = self.world.agents.reports
        report = reports[pick % len(reports)] if again else reports.pop(pick % len(reports))
        self.run(self.world.deliver(report))

    @rule(leaving=st.none() | PICK)
    def all_goes_well(self, leaving: int | None) -> None:
        """Labs are made, seats are cleaned and offered, in one step instead of a dozen: long stories come to their end."""
        holders = [row.id for row in self.rows().registrations if row.holds and row.ended_at is None]
        if leaving is not None and holders:
            token = self._token_of(holders[leaving % len(holders)])
            assert self.run(self.world.post(f"/api/v1/registrations/{token}/end")).status_code == 200
        for _ in range(3):
            self.work()
            self.run(self._agents_do_it_all())
        self.work()

    async def _agents_do_it_all(self) -> None:
        agents = self.world.agents
        while self.world.gate.inbox:
            agents.take(self.world.gate.inbox.pop(0))
        for command in agents.running():
            agents.finish(command, well=True)
        while agents.reports:
            await self.world.deliver(agents.reports.pop(0))

    # what holds always

    @invariant()
    def nothing_is_broken(self) -> None:
        for what, query in BROKEN_RULES.items():
            assert not self.run(self.world.api.rows(query)), what

    @invariant()
    def a_mail_is_one_mail(self) -> None:
        taken = [(mail["Message-ID"], mail.as_bytes()) for mail in self.world.mailbox.taken]
        assert len({identity for identity, _ in taken}) == len(set(taken)), "one Message-ID, two texts"
        rows = self.run(self.world.api.rows("SELECT message_id FROM mails"))
        assert {identity for identity, _ in taken} <= {row[0] for row in rows}

    @invariant()
    def a_mailed_password_opens_the_lab_while_it_is_the_persons(self) -> None:
        query = """
            SELECT r.id, s.location_id, s.number, s.sealed_password FROM registrations r
            JOIN students s ON s.id = r.student_id WHERE r.state IN ('running', 'expiring')"""
        for registration, location, student, sealed in self.run(self.world.api.rows(query)):
            password = self.world.settings.passwords.open(sealed)
            assert self.world.agents.opens(location, student, registration, password)

    def teardown(self) -> None:
        """With everyone well again, everything comes to its end and every seat is free or reported as broken."""
        self.world.mailbox.mood, self.world.gate.away = "takes", False
        self.run(self.world.nothing_is_wanted_any_more())
        self.run(self._until_all_is_over())
        self.nothing_is_broken()
        left = "SELECT id, state FROM registrations WHERE state NOT IN ('ended', 'failed', 'cancelled')"
        assert not self.run(self.world.api.rows(left))
        waiting = "SELECT template, state FROM mails WHERE state IN ('queued', 'sending')"
        assert not self.run(self.world.api.rows(waiting)), MailState.QUEUED
        seats = "SELECT id, state FROM students WHERE state NOT IN ('free', 'broken')"
        assert not self.run(self.world.api.rows(seats))
        broken = self.run(self.world.api.value("SELECT count(*) FROM students WHERE state = 'broken'"))
        notices = "SELECT count(*) FROM notices WHERE kind = 'seat-broken'"
        assert self.run(self.world.api.value(notices)) >= broken

    async def _until_all_is_over(self) -> None:
        for _ in range(40):
            for deadline in ("ends_at", "offer_ends_at", "wait_ends_at"):
                await self.world.api.change(f"UPDATE registrations SET {deadline} = now() WHERE {deadline} IS NOT NULL")
            await self.world.everything_is_due()
            await self.world.work()
            await self._agents_do_it_all()
            open_ = "SELECT count(*) FROM students WHERE state NOT IN ('free', 'broken')"
            mails = "SELECT count(*) FROM mails WHERE state IN ('queued', 'sending')"
            lines = "SELECT count(*) FROM registrations WHERE state IN ('waiting', 'offered')"
            if not any([await self.world.api.value(left) for left in (open_, mails, lines)]):
                return


@asynccontextmanager
async def open_world(postgres: Postgres, template: str, key: Path) -> AsyncIterator[World]:
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    configured = settings_for(postgres.url.replace("/postgres", f"/{name}"), key)
    app = create_app(configured)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client,
        ):
            world = World(Api(app, client), configured)
            await world.prepare()
            yield world
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


@pytest.fixture
def platform(postgres: Postgres, template: str, command_key: Path) -> Iterator[type[Platform]]:
    with asyncio.Runner() as runner:
        opened = open_world(postgres, template, command_key)
        world = runner.run(opened.__aenter__())
        yield type("Platform", (Platform,), {"world": world, "runner": runner})
        runner.run(opened.__aexit__(None, None, None))


@pytest.mark.timeout(1800)
def test_no_order_of_events_breaks_the_platform(platform: type[Platform]) -> None:
    run_state_machine_as_test(
        platform,
        settings=settings(
            max_examples=EXAMPLES or 20,
            stateful_step_count=50,
            derandomize=not EXAMPLES,
            deadline=None,
            database=None,
            # a smaller failure takes minutes to find: only when somebody looks for one
            phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
