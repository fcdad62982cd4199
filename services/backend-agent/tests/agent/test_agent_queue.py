from agent_doubles import Agent, a_command, until

from wod_backend_agent.queue_progress import QUIET_SECONDS, QueueProgress, sentence
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType


def queued(agent: Agent, command: Command) -> list[CommandEvent]:
    return [event for event in agent.reporter.events[command.id] if event.step == "queued"]


async def test_who_comes_into_a_line_is_told_how_many_are_before(agent: Agent) -> None:
    agent.delivery.held |= {1, 2}
    commands = [a_command(student=student) for student in range(1, 6)]
    for command in commands:
        await agent.send(command)
    await until(lambda: all(len(queued(agent, command)) == 1 for command in commands[2:]))
    assert [queued(agent, command)[0].message for command in commands[2:]] == [
        "2 labs are prepared before yours",
        "3 labs are prepared before yours",
        "4 labs are prepared before yours",
    ]
    assert {queued(agent, command)[0].percent for command in commands[2:]} == {0}
    assert not queued(agent, commands[0])
    agent.delivery.let_go.set()
    await until(lambda: all(agent.reporter.ended(command) for command in commands))
    types = [event.step or event.type for event in agent.reporter.events[commands[2].id]]
    assert types[:3] == [EventType.ACCEPTED, "queued", "account"]


async def test_who_registered_first_gets_his_lab_first_whatever_came_first(agent: Agent) -> None:
    agent.delivery.held |= {1, 2}
    for student in (1, 2):
        await agent.send(a_command(student=student))
    late, early, cleanup, between = (
        a_command(student=3, registration=30),
        a_command(student=4, registration=10),
        a_command(Verb.CLEANUP, student=5),
        a_command(student=6, registration=20),
    )
    for command in (late, early, cleanup, between):
        await agent.send(command)
    await until(lambda: bool(queued(agent, late) and queued(agent, early)))
    assert [queued(agent, each)[0].message for each in (late, early)] == ["2 labs are prepared before yours"] * 2
    agent.delivery.let_go.set()
    await until(lambda: all(agent.reporter.ended(command) for command in (late, early, cleanup, between)))
    made = [seat for verb, seat in agent.delivery.calls if verb == "create"][2:]
    assert made == [4, 3, 6], "a lab that stands behind something else waits for it"


async def test_only_those_who_wait_for_a_lab_are_told(agent: Agent) -> None:
    agent.delivery.held |= {1, 2}
    for student in (1, 2):
        await agent.send(a_command(Verb.CLEANUP, student=student))
    cleanup, create = a_command(Verb.CLEANUP, student=3), a_command(student=4)
    await agent.send(cleanup)
    await agent.send(create)
    await until(lambda: len(queued(agent, create)) == 1)
    assert queued(agent, create)[0].message == "Your lab is the next to be prepared"
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(cleanup))
    assert not queued(agent, cleanup)


class Told:
    """What a line tells, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.places: dict[int, list[int]] = {}
        self.line = [a_command(student=student) for student in range(1, 101)]
        self._students = {command.id: command.student for command in self.line}
        self.progress = QueueProgress(
            lambda command, ahead: self.places.setdefault(self._students[command], []).append(ahead),
            lambda: self.now,
        )


def test_a_hundred_that_wait_tell_their_place_only_when_it_has_halved() -> None:
    told = Told()
    for front in range(100):
        told.progress.look(told.line[front + 1 :], told.line[front : front + 1])
    assert told.places[100] == [99, 49, 24, 12, 6, 3, 1]
    assert max(len(places) for places in told.places.values()) == 7


def test_in_a_slow_line_a_place_is_told_after_a_while() -> None:
    told = Told()
    told.progress.look(told.line[1:], told.line[:1])
    told.now = QUIET_SECONDS
    told.progress.look(told.line[1:], told.line[:1])
    assert told.places[100] == [99], "its place has not changed"
    told.progress.look(told.line[2:], told.line[1:2])
    assert told.places[100] == [99, 98]


def test_one_lab_is_not_many() -> None:
    assert sentence(1) == "1 lab is prepared before yours"
