import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

# test modules are imported by path: what they share has to be found as well
sys.path.insert(0, str(Path(__file__).parent))

from agent_doubles import TOKEN, Agent, CollectingReporter, GatedDelivery, ObedientHub, settings_for

from wod_backend_agent.app import Outside, create_app
from wod_backend_agent.settings import Settings


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    delivery, hub, reporter = GatedDelivery(), ObedientHub(), CollectingReporter()

    @asynccontextmanager
    async def parts(_: Settings) -> AsyncIterator[Outside]:
        yield Outside(delivery, hub, reporter)

    app = create_app(settings_for(tmp_path), parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://agent",
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as client,
    ):
        yield Agent(client, delivery, hub, reporter, tmp_path)
