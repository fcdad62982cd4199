"""Everything the OpenAPI document allows, and more: no 500, no answer that is not documented.

``WOD_FUZZ_EXAMPLES`` sets how many calls each operation gets in each way (``make fuzz``).
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import schemathesis
import uvicorn
from api_support import settings_for
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, SerializationContext
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from wod_api_db.accounts.tokens import Role
from wod_api_db.app import create_app
from wod_api_db.settings import Settings
from wod_demo.ports import free_port
from wod_demo.postgres import Postgres

EXAMPLES = int(os.environ.get("WOD_FUZZ_EXAMPLES", "0"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Endless by design.
STREAMS = {"GET /api/v1/registrations/{token}/events"}
GUEST = {
    "username": "guest",
    "email": "guest@example.org",
    "role": "moderator",
    "password": "a guest of the fuzzer",
}
WHO = {"admin": (1, "operator", Role.ADMIN, None), "agent": (2, "agent-1", Role.AGENT, 1)}

OWN_ACCOUNTS = {str(account[0]) for account in WHO.values()}


@schemathesis.serializer("message/rfc822")
def _as_it_is(_: SerializationContext, value: Any) -> Any:
    """A mail server's report: any bytes."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "backslashreplace")


def settings_with_all(url: str, key: Path) -> Settings:
    """Everything that can be switched on is."""
    return settings_for(url, key, legacy=True)


SCHEMA = schemathesis.openapi.from_dict(
    create_app(settings_with_all("postgresql://nobody:nothing@127.0.0.1/none", Path("none"))).openapi()
)
OPERATIONS = {
    result.ok().label: result.ok()
    for result in SCHEMA.get_all_operations()
    if isinstance(result, Ok) and result.ok().label not in STREAMS
}


class Server:
    """The app on a thread and event loop of its own, with rows to be found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        port = free_port()
        config = uvicorn.Config(create_app(settings), port=port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self.url = f"http://127.0.0.1:{port}"
        self.known: dict[str, Any] = {}

    def start(self) -> None:  # poll: uvicorn's flag
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the service did not start"
            time.sleep(0.01)
        form = {"workshop": "WKSHP-API101", "name": "Ada", "email": "ada@example.org", "terms_version": "1"}
        with httpx.Client(base_url=f"{self.url}/api/v1", headers=self.authorization("admin")) as client:
            made = client.post("/registrations", json=form).raise_for_status().json()
            [command] = client.get("/commands").raise_for_status().json()["items"]
            account = client.post("/accounts", json=GUEST).raise_for_status().json()
        self.known = {
            "token": made["token"],
            "registration_id": made["id"],
            "command_id": command["id"],
            "student_id": command["student_id"],
            "account_id": account["id"],
            "user_id": account["id"],
            "customer_id": made["id"],
            "workshop_id": 1,
            "location_id": 1,
            "notebook": "WKSHP-API101",
        }

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def authorization(self, who: str) -> dict[str, str]:
        """Anew for each call: the one before may have changed the account."""
        if who not in WHO:
            return {}
        return {"Authorization": f"Bearer {self._settings.access_tokens.issue(*WHO[who], datetime.now(UTC))}"}


@pytest.fixture(scope="module")
async def served(postgres: Postgres, template: str, command_key: Path) -> AsyncIterator[Server]:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f"CREATE DATABASE fuzzed TEMPLATE {template}")
    url = postgres.url.replace("/postgres", "/fuzzed")
    inside = await asyncpg.connect(url)
    # /readyz asks for a worker
    await inside.execute("INSERT INTO workers (id, seen_at) VALUES ('worker', now() + interval '1 day')")
    await inside.close()
    server = Server(settings_with_all(url, command_key))
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)
    await connection.execute("DROP DATABASE fuzzed WITH (FORCE)")
    await connection.close()


def _calls(label: str) -> st.SearchStrategy[Case[Any]]:
    """What the document allows, then what it does not, where it forbids anything."""
    operation = OPERATIONS[label]
    ways = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
    if operation.body or operation.query or operation.path_parameters:
        ways.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    return st.one_of(ways)


@pytest.mark.timeout(0 if EXAMPLES else 120)
@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize(("who", "examples"), [("admin", 3), ("agent", 1), ("nobody", 1)])
def test_every_answer_is_a_documented_one(served: Server, label: str, who: str, examples: int) -> None:
    @hypothesis_settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
    )
    @given(case=_calls(label), known=st.booleans())
    def call(case: Case[Any], known: bool) -> None:
        path = case.path_parameters or {}
        if known or OWN_ACCOUNTS & {str(path.get(name)) for name in ("account_id", "user_id")}:
            case.path_parameters = {name: served.known.get(name, value) for name, value in path.items()}
        response = case.call(base_url=served.url, headers=served.authorization(who), timeout=60)
        case.validate_response(response, checks=CHECKS)

    call()


def test_the_caller_is_still_who_it_was(served: Server) -> None:
    """Else the calls above were refused at the door."""
    answer = httpx.get(f"{served.url}/api/v1/students", headers=served.authorization("admin"))
    assert answer.status_code == 200
