"""The real parts around the agent: Ansible, JupyterHub, the api-db."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from wod_backend_agent.api_client import NativeApi
from wod_backend_agent.app import Outside
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import Delivery
from wod_backend_agent.delivery.hub import HubDelivery, Renderer, SeatHub
from wod_backend_agent.heartbeat import NativeHeartbeats
from wod_backend_agent.hub_client import JupyterHub
from wod_backend_agent.reporting import NativeReporter
from wod_backend_agent.settings import Settings

REPORT_TIMEOUT_SECONDS = 10.0
#: Threads beside those in which runs of Ansible wait: a cancellation must never wait for a run to end.
SPARE_THREADS = 16


@asynccontextmanager
async def real_parts(settings: Settings) -> AsyncIterator[Outside]:
    threads = ThreadPoolExecutor(settings.concurrency + SPARE_THREADS)
    asyncio.get_running_loop().set_default_executor(threads)
    runs = settings.state / "runs"
    # a killed agent's run whose command is superseded before it runs again would keep its folder, and a password in it
    await asyncio.to_thread(shutil.rmtree, runs, ignore_errors=True)
    runs.mkdir(mode=0o700, exist_ok=True)
    delivered = settings.state / "delivered"
    delivered.mkdir(mode=0o700, exist_ok=True)
    ansible = AnsibleDelivery(
        trees=settings.trees(),
        homes=settings.homes,
        runs=runs,
        delivered=delivered,
        variables=settings.variables,
    )
    client = httpx.AsyncClient(base_url=str(settings.api_url), timeout=REPORT_TIMEOUT_SECONDS, trust_env=False)
    async with client, JupyterHub(url=str(settings.hub_url), token=settings.hub_token) as hub:
        api = NativeApi(client, settings.api_username, settings.api_password)
        delivery = _through_hub(settings, ansible, hub, runs) if settings.delivery == "hub" else ansible
        yield Outside(delivery, hub, NativeReporter(api), NativeHeartbeats(api, settings.location))


def _through_hub(settings: Settings, renderer: Renderer, hub: SeatHub, runs: Path) -> Delivery:
    return HubDelivery(trees=settings.trees(), renderer=renderer, hub=hub, hub_url=str(settings.hub_url), runs=runs)
