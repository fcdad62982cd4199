from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psutil
import pytest
import structlog
from agent_api_db import ApiDb
from agent_doubles import Agent, a_command, an_unsigned, free_port, running_agent, served, until
from pydantic import SecretStr

from wod_backend_agent.api_client import NativeApi, NotOffered, NotTaken
from wod_backend_agent.heartbeat import LOGGED_FAILURES, NOT_OFFERED_SECONDS, Heart, HeartbeatTaker, NativeHeartbeats
from wod_backend_agent.reporting import Refused
from wod_backend_agent.watchdog.incidents import NativeIncidents
from wod_common.commands import Verb
from wod_common.heartbeat import INTERVAL_SECONDS, Heartbeat, HeartbeatReceipt, SeatInUse
from wod_common.incidents import Incident

SOUND = Heartbeat(
    version="1",
    hub=True,
    waiting=0,
    running=0,
    concurrency=1,
    cpus=1,
    load=0,
    memory_total=1,
    memory_available=1,
    disk_total=1,
    disk_free=1,
)


@pytest.fixture
async def api() -> AsyncIterator[tuple[ApiDb, NativeHeartbeats]]:
    double, port = ApiDb(), free_port()
    async with (
        served(double.app, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        yield double, NativeHeartbeats(NativeApi(client, "agent", SecretStr("agent's password")), 3)


async def test_a_heartbeat_is_answered_with_the_seats_in_use(api: tuple[ApiDb, NativeHeartbeats]) -> None:
    double, heartbeats = api
    seat = SeatInUse(student=4, generation=2, seconds_left=12.5)
    double.receipt = HeartbeatReceipt(seats=[seat]).model_dump()
    assert (await heartbeats.take(SOUND)).seats == [seat]
    assert [Heartbeat.model_validate(taken) for taken in double.heartbeats] == [SOUND]


async def test_an_expired_login_is_renewed_for_a_heartbeat(api: tuple[ApiDb, NativeHeartbeats]) -> None:
    double, heartbeats = api
    await heartbeats.take(SOUND)
    double.logins += 1  # as if the first token had expired
    await heartbeats.take(SOUND)
    assert len(double.heartbeats) == 2


@pytest.mark.parametrize("status", [403, 409, 422, 500, 503])
async def test_a_refused_heartbeat_is_not_taken(api: tuple[ApiDb, NativeHeartbeats], status: int) -> None:
    api[0].answers = [status]
    with pytest.raises(NotTaken, match=str(status)) as refusal:
        await api[1].take(SOUND)
    assert not isinstance(refusal.value, NotOffered)


@pytest.mark.parametrize("receipt", [[], {"seats": [{"student": 0}]}, "no receipt"])
async def test_an_answer_that_is_no_receipt_is_not_taken(api: tuple[ApiDb, NativeHeartbeats], receipt: object) -> None:
    api[0].receipt = receipt
    with pytest.raises(NotTaken, match="something else"):
        await api[1].take(SOUND)


async def test_an_api_db_without_the_route_is_known_by_its_404(api: tuple[ApiDb, NativeHeartbeats]) -> None:
    api[0].answers = [404]
    with pytest.raises(NotOffered):
        await api[1].take(SOUND)


SEEN = Incident.model_validate(Incident.model_config["json_schema_extra"]["examples"][0])  # type: ignore[index]


async def test_an_incident_is_told_again_unless_it_is_refused_for_good(api: tuple[ApiDb, NativeHeartbeats]) -> None:
    double, heartbeats = api
    incidents = NativeIncidents(heartbeats._api, 3)
    await incidents.take(SEEN)
    assert [Incident.model_validate(taken) for taken in double.incidents] == [SEEN]
    for status in (401, 403, 500, 503):
        double.answers = [status] * 2
        with pytest.raises(NotTaken, match=str(status)):
            await incidents.take(SEEN)
    for status in (404, 405, 422):
        double.answers = [status]
        with pytest.raises(Refused, match=str(status)):
            await incidents.take(SEEN)
    double.answers, double.incident_receipt = [], "a page of something else"
    with pytest.raises(NotTaken):
        await incidents.take(SEEN)


async def test_a_heartbeat_tells_how_the_location_is(agent: Agent) -> None:
    [heartbeat] = agent.seat_book.heartbeats
    assert heartbeat.hub
    assert (heartbeat.waiting, heartbeat.running, heartbeat.concurrency) == (0, 0, 2)
    assert heartbeat.cpus == psutil.cpu_count()
    assert 0 < heartbeat.memory_available < heartbeat.memory_total
    # the homes' folder is made with the first home
    assert not (agent.folder / "homes").exists()
    assert 0 <= heartbeat.disk_free < heartbeat.disk_total


async def test_heartbeats_go_on_and_count_what_waits(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.delivery.held |= {1, 2, 3}
        for student in (1, 2, 3):
            await agent.send(a_command(student=student))
        await until(lambda: agent.seat_book.heartbeats[-1].running == 2)
        await until(lambda: agent.seat_book.heartbeats[-1].waiting == 1)


async def test_a_hub_that_is_away_is_told(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.hub.away_for = 1
        await until(lambda: not all(heartbeat.hub for heartbeat in agent.seat_book.heartbeats))
        await until(lambda: agent.seat_book.heartbeats[-1].hub)


async def test_an_api_db_that_is_away_harms_no_command_and_is_asked_again(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.seat_book.seats = None
        await agent.do(a_command())
        before = len(agent.seat_book.heartbeats)
        await until(lambda: len(agent.seat_book.heartbeats) > before + 2)


async def test_the_first_login_of_a_seat_is_told_until_it_is_cleaned(tmp_path: Path) -> None:
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as agent:
        agent.seat_book.seats = {7: 3}
        await agent.do(a_command(order=(3, 1)))
        assert not await agent.log_in(7, "a guess")
        before = len(agent.seat_book.heartbeats)
        await until(lambda: len(agent.seat_book.heartbeats) > before + 1)
        assert agent.seat_book.heartbeats[-1].logins == []
        assert await agent.log_in(7, agent.delivery.passwords[0])
        await until(lambda: bool(agent.seat_book.heartbeats[-1].logins))
        [first] = agent.seat_book.heartbeats[-1].logins
        assert (first.student, first.generation) == (7, 3)
        assert await agent.log_in(7, agent.delivery.passwords[0])
        before = len(agent.seat_book.heartbeats)
        await until(lambda: len(agent.seat_book.heartbeats) > before + 1)
        assert agent.seat_book.heartbeats[-1].logins == [first]
        await agent.do(a_command(Verb.CLEANUP, order=(3, 2)))
        await until(lambda: agent.seat_book.heartbeats[-1].logins == [])


async def test_a_login_is_told_after_a_restart_and_a_new_holder_has_none(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as first:
        await first.do(a_command())
        await first.log_in(7, first.delivery.passwords[0])
    async with running_agent(tmp_path, heartbeat_seconds=0.01) as second:
        second.seat_book.seats = {7: 1}
        assert [login.generation for login in second.seat_book.heartbeats[0].logins] == [1]
        await second.do(a_command(registration=2, order=(2, 1)))
        await until(lambda: second.seat_book.heartbeats[-1].logins == [])


async def test_the_login_of_a_listed_peers_student_is_not_told(tmp_path: Path) -> None:
    async with running_agent(tmp_path) as first:
        await first.do(an_unsigned(Verb.CREATE))
        assert await first.log_in(7, first.delivery.passwords[0])
    async with running_agent(tmp_path) as second:
        assert second.seat_book.heartbeats[0].logins == []


class Refusing(HeartbeatTaker):
    """Answers as told: an error is raised, a receipt given."""

    def __init__(self, *answers: Exception | HeartbeatReceipt) -> None:
        self._answers = list(answers)

    async def take(self, heartbeat: Heartbeat) -> HeartbeatReceipt:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class NothingDeployed:
    async def deployed(self) -> dict[int, int]:
        return {}

    def compare(self, deployed: object, receipt: object) -> None:
        pass


async def _sound() -> Heartbeat:
    return SOUND


def _heart(*answers: Exception | HeartbeatReceipt) -> Heart:
    return Heart(_sound, Refusing(*answers), NothingDeployed())  # type: ignore[arg-type]


async def test_an_api_db_without_heartbeats_is_left_in_peace_for_ten_minutes() -> None:
    assert await _heart(NotOffered("404")).beat() == NOT_OFFERED_SECONDS == 600


async def test_an_api_db_that_has_taken_one_is_asked_again_after_a_404() -> None:
    heart = _heart(HeartbeatReceipt(seats=[]), NotOffered("its proxy answers"))
    assert await heart.beat() == INTERVAL_SECONDS
    assert await heart.beat() == INTERVAL_SECONDS


async def test_failures_are_logged_now_and_then_and_never_end_the_heart() -> None:
    heart = _heart(*[NotTaken("away"), OSError("no space left on the device")] * LOGGED_FAILURES)
    with structlog.testing.capture_logs() as logged:
        for _ in range(2 * LOGGED_FAILURES):
            assert await heart.beat() == INTERVAL_SECONDS
    assert [entry["failures"] for entry in logged] == [1, LOGGED_FAILURES + 1]


async def test_metrics_show_the_line_and_the_age_of_the_heartbeat(agent: Agent) -> None:
    agent.delivery.held |= {1, 2, 3}
    for student in (1, 2, 3):
        await agent.send(a_command(student=student))
    metrics = (await agent.client.get("/metrics")).text
    assert "wod_agent_waiting 1.0" in metrics
    assert "wod_agent_running 2.0" in metrics
    [age] = [line for line in metrics.splitlines() if line.startswith("wod_agent_heartbeat_age_seconds ")]
    assert float(age.split()[1]) > 0
