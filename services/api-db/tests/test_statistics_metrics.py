"""What Prometheus is shown."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from api_support import AgentDouble, Api
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Receive, Scope, Send

from wod_api_db.db import make_engine, make_sessions
from wod_api_db.registrations import lifecycle, repository
from wod_api_db.settings import Settings
from wod_api_db.statistics.gauges import Gauges
from wod_api_db.sweep import sweep
from wod_common.timing import RequestTiming
from wod_demo.ports import free_port

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(exposition: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def gauges(api: Api) -> Samples:
    return parsed((await Gauges(api.sessions).exposition()).decode())


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_an_empty_platform_shows_zeros(api: Api) -> None:
    found = await gauges(api)
    for state in ("registered", "deploying", "running", "expiring", "waiting", "offered"):
        assert value(found, "wod_registrations_open", state=state) == 0
    assert value(found, "wod_seats", location="Grenoble", state="free") == 40
    assert value(found, "wod_workshop_room", workshop="WKSHP-API101") == 3
    assert value(found, "wod_oldest_mail_seconds") == value(found, "wod_oldest_command_seconds") == 0
    assert value(found, "wod_sweep_lag_seconds") is None
    assert value(found, "wod_database_up") == 1


async def test_the_rows_are_counted_by_state(api: Api, agent: AgentDouble) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    await api.register("bob@example.org")
    await sweep(api.sessions, "worker-1")
    await api.change("UPDATE mails SET created_at = now() - interval '1 minute', state = 'sending'")
    await api.change("UPDATE commands SET created_at = now() - interval '1 hour'")
    await api.change("UPDATE workers SET seen_at = now() - interval '30 seconds'")
    found = await gauges(api)
    assert value(found, "wod_registrations_open", state="running") == 1
    assert value(found, "wod_registrations_open", state="registered") == 1
    assert value(found, "wod_registrations_uncleaned") == 2
    assert value(found, "wod_seats", location="Grenoble", state="assigned") == 2
    assert value(found, "wod_workshop_room", workshop="WKSHP-API101") == 1
    assert value(found, "wod_commands_outstanding", location="Grenoble", state="queued") == 1
    assert value(found, "wod_mails_outgoing", state="sending") == 3
    for name, least in (
        ("wod_oldest_mail_seconds", 60),
        ("wod_oldest_command_seconds", 3600),
        ("wod_sweep_lag_seconds", 30),
    ):
        found_value = value(found, name)
        assert found_value is not None
        assert found_value >= least
    await api.change("UPDATE mails SET state = 'failed', error = 'refused' WHERE template = 'credentials'")
    await api.change("UPDATE mails SET state = 'withheld' WHERE template = 'welcome'")
    assert value(await gauges(api), "wod_mails_failed_last_day") == 1


async def test_a_closed_workshop_shows_no_room(api: Api) -> None:
    await api.change("UPDATE workshops SET active = false")
    assert value(await gauges(api), "wod_workshop_room", workshop="WKSHP-API101") is None


async def test_a_scrape_within_seconds_reads_no_rows(api: Api) -> None:
    one = Gauges(api.sessions)
    before = await one.exposition()
    await api.register()
    assert await one.exposition() == before


async def test_a_database_that_is_away_is_a_figure(settings: Settings) -> None:
    url = settings.database_url.get_secret_value().rpartition("/")[0]
    changed = settings.model_copy(update={"database_url": type(settings.database_url)(f"{url}/no_such_database")})
    engine = make_engine(changed, pool_size=1)
    text = (await Gauges(make_sessions(engine)).exposition()).decode()
    await engine.dispose()
    assert value(parsed(text), "wod_database_up") == 0


async def test_metrics_are_served_with_durations_by_template(api: Api) -> None:
    token = (await api.register()).json()["token"]
    await api.http.get(f"/api/v1/registrations/{token}")
    await api.http.get("/no/such/path")
    answer = await api.http.get("/metrics")
    assert token not in answer.text
    found = parsed(answer.text)
    name = "wod_http_request_duration_seconds_count"
    assert value(found, name, method="POST", route="/api/v1/registrations", status="201")
    assert value(found, name, method="GET", route="/api/v1/registrations/{token}", status="200")
    assert value(found, name, method="GET", route="unmatched", status="404")
    assert value(found, "wod_registrations_open", state="registered") == 1


async def test_an_error_that_nobody_handles_is_counted_too() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    async def nothing(*_: object) -> Any:
        raise AssertionError("nothing is read or sent")

    labels = {"method": "other", "route": "unmatched", "status": "500"}
    before = counted("wod_http_request_duration_seconds_count", **labels)
    with pytest.raises(ZeroDivisionError):
        await RequestTiming(broken)({"type": "http", "method": "MADE-UP"}, nothing, nothing)
    assert counted("wod_http_request_duration_seconds_count", **labels) == before + 1


async def test_transitions_are_counted_when_they_are_committed(api: Api, agent: AgentDouble) -> None:
    names = ("wod_registrations_created_total", "wod_sessions_started_total")
    before = [counted(name) for name in names]
    made = counted("wod_deployment_seconds_count", workshop="WKSHP-API101")
    ended = counted("wod_sessions_ended_total", reason="person")
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password="x")
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=1)
    cleaned = counted("wod_seats_cleaned_total")
    await agent.finish("PURGE")
    assert [counted(name) for name in names] == [value + 1 for value in before]
    assert counted("wod_deployment_seconds_count", workshop="WKSHP-API101") == made + 1
    assert counted("wod_sessions_ended_total", reason="person") == ended + 1
    assert counted("wod_seats_cleaned_total") == cleaned + 1


async def test_what_is_rolled_back_is_not_counted(api: Api, agent: AgentDouble) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    before = counted("wod_sessions_ended_total", reason="operator")

    async def end(session: AsyncSession) -> None:
        registration = await repository.lock(session, await api.value("SELECT id FROM registrations"))
        assert registration is not None
        await lifecycle.end(session, registration, reason="operator")

    async with api.sessions() as session:
        await end(session)
        await session.rollback()
    assert counted("wod_sessions_ended_total", reason="operator") == before
    async with api.sessions.begin() as session:
        await end(session)
    assert counted("wod_sessions_ended_total", reason="operator") == before + 1


@pytest.fixture
def worker_metrics(settings: Settings) -> Iterator[str]:
    """The address of the metrics of a worker in a process of its own."""
    port = free_port()
    environment = os.environ | {
        "WOD_API_DATABASE_URL": settings.plain_database_url,
        "WOD_API_SECRET": settings.secret.get_secret_value(),
        "WOD_API_COMMAND_KEY": str(settings.command_key),
        "WOD_API_RELAY_PORT": str(free_port()),
        "WOD_API_WORKER_METRICS_PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "wod_api_db.worker"], env=environment, stdout=subprocess.DEVNULL
    ) as worker:
        yield f"http://127.0.0.1:{port}/metrics"
        worker.terminate()


async def test_a_worker_serves_its_own_counters(api: Api, agent: AgentDouble, worker_metrics: str) -> None:
    await api.register()
    await agent.finish("CREATE", password="x")
    await api.change("UPDATE registrations SET ends_at = now() - interval '1 second'")
    ended = await _poll(worker_metrics, "wod_sessions_ended_total", reason="time")
    assert ended == 1


async def _poll(url: str, name: str, **labels: str) -> float | None:  # poll: the worker starts, sweeps, and counts
    found: float | None = None
    deadline = time.monotonic() + 60
    async with httpx.AsyncClient() as client:
        while found is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                found = value(parsed((await client.get(url)).text), name, **labels)
            await asyncio.sleep(0.1)
    return found
