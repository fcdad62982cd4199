from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from agent_doubles import a_command, an_unsigned

from wod_backend_agent.journal import Journal
from wod_backend_agent.order import NotTheHolder
from wod_common.commands import CommandState, Verb
from wod_common.events import EventType
from wod_common.sealing import Sealer


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite", lambda _: None)
    yield opened
    opened.close()


async def test_a_run_that_ends_after_it_was_superseded_changes_nothing(journal: Journal) -> None:
    create, purge = a_command(), a_command(Verb.PURGE, order=(1, 2))
    await journal.accept(create, "sealed")
    assert await journal.begin(create.id)
    assert (await journal.accept(purge, None)).superseded == {create.id}
    assert not await journal.finish_create(create, "a hash", 1.0)
    assert await journal.password_hash(7) is None
    assert await journal.sealed_password(create.id) is None
    record = await journal.find(create.id)
    assert record
    assert record.state is CommandState.SUPERSEDED


async def test_a_superseded_run_is_reported_once_and_only_when_it_has_ended(journal: Journal) -> None:
    create = a_command()
    await journal.accept(create, None)
    await journal.begin(create.id)
    await journal.accept(a_command(Verb.PURGE, order=(1, 2)), None)
    assert [event.type for event in await journal.events(create.id)] == [EventType.ACCEPTED]
    await journal.close_superseded()
    await journal.close_superseded(create.id)
    assert [event.type for event in await journal.events(create.id)] == [EventType.ACCEPTED, EventType.SUPERSEDED]


async def test_a_command_superseded_before_its_turn_does_not_begin(journal: Journal) -> None:
    create = a_command()
    await journal.accept(create, None)
    await journal.accept(a_command(Verb.PURGE, order=(1, 2)), None)
    assert not await journal.begin(create.id)


async def test_a_step_reported_after_the_end_of_a_superseded_run_is_dropped(journal: Journal) -> None:
    create = a_command()
    await journal.accept(create, None)
    await journal.accept(a_command(Verb.PURGE, order=(1, 2)), None)
    journal.note(create.id, "deliver", 40, "Your notebooks are laid out", 1.0).result(timeout=10)
    assert EventType.PROGRESS not in [event.type for event in await journal.events(create.id)]


async def test_a_registration_whose_seat_was_given_on_is_never_let_in_again(journal: Journal) -> None:
    await journal.accept(a_command(registration=1, order=(1, 1)), None)
    await journal.accept(a_command(registration=2, order=(2, 1)), None)
    purge = a_command(Verb.PURGE, registration=2, order=(2, 2))
    await journal.accept(purge, None)
    assert await journal.finish_cleaning(purge, None, 1.0)
    with pytest.raises(NotTheHolder):
        await journal.accept(an_unsigned(Verb.CREATE, registration=1), None)


async def test_passwords_outlive_the_secret_that_sealed_them(journal: Journal) -> None:
    create = a_command()
    await journal.accept(create, Sealer("the old secret", "agent-journal").seal("hunter2"))
    await journal.accept(a_command(student=8), None)
    await journal.reseal(Sealer("the new secret", "agent-journal", "the old secret"))
    sealed = await journal.sealed_password(create.id)
    assert sealed
    assert Sealer("the new secret", "agent-journal").open(sealed) == "hunter2"
