from pathlib import Path

import pytest
from agent_doubles import TOKEN, Agent, a_command, until

from wod_backend_agent import logins
from wod_backend_agent.journal import Journal
from wod_backend_agent.logins import MOST_FAILURES, Logins
from wod_backend_agent.passwords import ALPHABET, hash_password, new_password
from wod_common.commands import Verb


async def test_a_seat_takes_only_its_own_password(agent: Agent) -> None:
    await agent.do(a_command(student=7))
    await agent.do(a_command(student=8))
    seven, eight = agent.delivery.passwords
    assert await agent.log_in(7, seven)
    assert not await agent.log_in(7, eight)
    assert not await agent.log_in(9, seven)


async def test_a_new_create_closes_the_seat_to_the_old_password(agent: Agent) -> None:
    await agent.do(a_command())
    await agent.do(a_command(registration=2, order=(2, 1)))
    old, new = agent.delivery.passwords
    assert ("evict", "student7") in agent.hub.calls
    assert not await agent.log_in(7, old)
    assert await agent.log_in(7, new)


async def test_the_gates_token_does_not_open_the_hubs_call(agent: Agent) -> None:
    answer = await agent.client.post(
        "/hub/login", json={"username": "student7", "password": ""}, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 401


@pytest.fixture
async def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every hash that a password was compared with."""
    compared: list[str] = []

    def verify(password: str, hashed: str) -> bool:
        compared.append(hashed)
        return hashed == f"hash of {password}"

    monkeypatch.setattr(logins, "verify_password", verify)
    return compared


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _opened(journal: Journal, password: str) -> None:
    command = a_command()
    await journal.accept(command, None)
    await journal.finish_create(command, f"hash of {password}", 1.0)


async def test_guessing_is_throttled_without_work_and_only_for_that_seat(tmp_path: Path, hashings: list[str]) -> None:
    journal, clock = Journal(tmp_path / "journal.sqlite", lambda _: None), Clock()
    checks = Logins(journal, 20, clock)
    await _opened(journal, "right")
    for guess in range(MOST_FAILURES):
        assert not await checks.allowed("student7", f"guess {guess}")
    assert not await checks.allowed("student7", "right")
    assert len(hashings) == MOST_FAILURES
    assert not await checks.allowed("student8", "right")
    assert len(hashings) == MOST_FAILURES + 1
    clock.now = 61.0
    assert await checks.allowed("student7", "right")
    checks.close()
    journal.close()


@pytest.mark.parametrize("username", ["student8", "student99", "root", ""])
async def test_a_name_that_is_nobodys_costs_the_same_work(tmp_path: Path, hashings: list[str], username: str) -> None:
    journal = Journal(tmp_path / "journal.sqlite", lambda _: None)
    checks = Logins(journal, 20)
    assert not await checks.allowed(username, "anything")
    assert len(hashings) == 1
    checks.close()
    journal.close()


async def test_a_seat_cleaned_while_its_password_is_compared_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.sqlite", lambda _: None)
    checks = Logins(journal, 20)
    await _opened(journal, "right")
    # the closing is queued before the second look at the journal
    monkeypatch.setattr(
        logins, "verify_password", lambda *_: bool(journal._database.submit(_close_seven).result() is None)
    )
    assert not await checks.allowed("student7", "right")
    checks.close()
    journal.close()


def _close_seven(db: object) -> None:
    db.execute("UPDATE seats SET password_hash = NULL WHERE student = 7")  # type: ignore[attr-defined]


def test_passwords_are_long_unlike_and_easy_to_read() -> None:
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 16 and set(password) <= set(ALPHABET) for password in made)
    assert not set("0Oo1lI") & set(ALPHABET)


def test_a_hash_does_not_hold_the_password() -> None:
    assert "a password" not in hash_password("a password")


async def test_login_is_closed_as_soon_as_a_cleaning_begins(agent: Agent) -> None:
    await agent.do(a_command())
    agent.delivery.held.add(7)
    cleanup = a_command(Verb.CLEANUP, order=(1, 2))
    await agent.send(cleanup)
    await until(lambda: ("clean", 7) in agent.delivery.calls)
    assert not await agent.log_in(7, agent.delivery.passwords[0])
    agent.delivery.let_go.set()
    await until(lambda: agent.reporter.ended(cleanup))
