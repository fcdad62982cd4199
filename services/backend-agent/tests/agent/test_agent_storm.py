import asyncio
import random
import sqlite3

import pytest
from agent_doubles import FINAL, Agent, a_command, until

from wod_common.commands import Verb
from wod_common.events import EventType


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_the_order_of_arrival_the_highest_pair_wins(agent: Agent, seed: int) -> None:
    """Retries and slow mails, all at once: each command has one end, and each seat is left as its last command wants."""
    chance = random.Random(seed)
    agent.delivery.turns = 20
    commands = [
        a_command(chance.choice([Verb.CREATE, Verb.CLEANUP, Verb.PURGE]), student, generation, (generation, sequence))
        for student in (1, 2, 3)
        for generation in (1, 2, 3)
        for sequence in (1, 2, 3)
    ]
    arrivals = chance.sample(commands * 2, len(commands) * 2)
    for place in range(0, len(arrivals), 6):
        await asyncio.gather(*(agent.send(command) for command in arrivals[place : place + 6]))
    await until(lambda: all(agent.reporter.ended(command) for command in commands))
    for command in commands:
        events = agent.reporter.events[command.id]
        assert len([event for event in events if event.type in FINAL]) == 1
        assert [event.number for event in events] == list(range(1, len(events) + 1))
    for last in (commands[8], commands[17], commands[26]):
        done = next(event for event in agent.reporter.events[last.id] if event.type in FINAL)
        assert done.type is EventType.DONE
        if done.password:
            assert await agent.log_in(last.student, done.password.get_secret_value())
    with sqlite3.connect(agent.folder / "state/journal.sqlite") as disk:
        open_seats = disk.execute("SELECT student FROM seats WHERE password_hash IS NOT NULL ORDER BY 1").fetchall()
    disk.close()
    assert open_seats == [
        (last.student,) for last in (commands[8], commands[17], commands[26]) if last.verb is Verb.CREATE
    ]
