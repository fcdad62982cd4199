"""The API as a lab sees it: the platform's own wire models and error handlers, without a database."""

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import uvicorn
from fastapi import FastAPI

from wod_api_db.registrations.schemas import RegistrationRequest
from wod_api_db.workshops.schemas import WorkshopList, WorkshopView
from wod_common.problems import NotFound, Unauthorized, add_problem_handlers


def _workshop(notebook: str, category: list[str], hours: int) -> WorkshopView:
    return WorkshopView(
        notebook=notebook,
        name=f"About {notebook}",
        description="",
        category=category,
        duration_seconds=hours * 3600,
        presenter="",
        role="",
        avatar="",
        image="",
        replay_link="",
        priority=1,
        session_type="Workshops-on-Demand",
        active=True,
        room=3,
        waiting=0,
        created_at=datetime(2026, 11, 2, tzinfo=UTC),
        seats=6,
        pre_requisite="",
        paused=None,
        extensions=1,
        extension_seconds=hours * 1800,
    )


CATALOGUE = [
    _workshop("WKSHP-API101", ["APIs", "Open Source"], 2),
    _workshop("WKSHP-Jupyter101", ["Open Source"], 1),
    _workshop("WKSHP-Whole-Day", ["Operations"], 8),
]


def _app() -> FastAPI:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/v1/workshops")
    async def workshops() -> WorkshopList:
        return WorkshopList(items=CATALOGUE)

    @app.get("/api/v1/workshops/{notebook}")
    async def workshop(notebook: str) -> WorkshopView:
        for known in CATALOGUE:
            if known.notebook == notebook:
                return known
        raise NotFound(f"There is no workshop {notebook}.")

    @app.get("/api/v1/students")
    async def students() -> None:
        raise Unauthorized("This needs a token: log in first.")

    @app.post("/api/v1/registrations", status_code=201)
    async def register(request: RegistrationRequest) -> None:
        pytest.fail(f"a lab registered {request.email}")

    return app


@pytest.fixture(scope="session")
def api_url() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(_app(), ws="none", lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()
