from pathlib import Path

from agent_doubles import a_command, running_agent, until

from wod_common.commands import Verb
from wod_common.events import EventType


async def test_a_cleanup_cut_off_after_measuring_keeps_its_figure(tmp_path: Path) -> None:
    cleanup = a_command(Verb.CLEANUP, order=(1, 2))
    async with running_agent(tmp_path) as first:
        await first.do(a_command())
        first.delivery.held.add(7)
        await first.send(cleanup)
        await until(lambda: ("clean", 7) in first.delivery.calls)
    async with running_agent(tmp_path) as second:
        await until(lambda: second.reporter.ended(cleanup))
    assert second.delivery.calls == [("clean", 7)]
    assert second.reporter.events[cleanup.id][-1].completion == 75


async def test_unfinished_commands_run_again_in_order_of_arrival(tmp_path: Path) -> None:
    commands = [a_command(student=student) for student in (5, 3, 9, 1)]
    async with running_agent(tmp_path) as first:
        first.delivery.held |= {1, 3, 5, 9}
        for command in commands:
            await first.send(command)
    async with running_agent(tmp_path) as second:
        await until(lambda: all(second.reporter.ended(command) for command in commands))
    assert [number for _, number in second.delivery.calls] == [5, 3, 9, 1]


async def test_the_order_of_a_seat_is_remembered(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as first:
        await first.do(a_command(Verb.CLEANUP, order=(4, 2)))
    async with running_agent(tmp_path) as second:
        assert (await second.do(a_command(order=(4, 1))))[-1].type is EventType.SUPERSEDED
    assert second.delivery.calls == []


async def test_a_password_whose_report_was_not_taken_is_reported_after_a_restart(tmp_path: Path) -> None:
    command = a_command()
    async with running_agent(tmp_path) as first:
        first.reporter.away = True
        await first.send(command)
        await until(lambda: ("start", "student7") in first.hub.calls)
    async with running_agent(tmp_path) as second:
        await until(lambda: second.reporter.ended(command))
        assert await second.log_in(7, first.delivery.passwords[0])
    done = next(event for event in second.reporter.events[command.id] if event.type is EventType.DONE)
    assert done.password
    assert done.password.get_secret_value() == first.delivery.passwords[0]
