"""The real parts around the agent: Ansible, JupyterHub, the api-db."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx

from wod_backend_agent.access import Access, HostAccess
from wod_backend_agent.app import Outside
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import Delivery
from wod_backend_agent.delivery.hub import HubDelivery, Renderer, SeatHub
from wod_backend_agent.delivery.line import Pace
from wod_backend_agent.directory import LdapDirectory
from wod_backend_agent.hub_client import JupyterHub
from wod_backend_agent.processes import end_runs
from wod_backend_agent.reporters import reporter_for
from wod_backend_agent.settings import Settings

REPORT_TIMEOUT_SECONDS = 10.0
#: Threads beside those in which runs of Ansible wait: a cancellation must never wait for a run to end.
SPARE_THREADS = 16
#: While a run of Ansible makes one seat, others are prepared, hashed, and written down.
AHEAD = 4


@asynccontextmanager
async def real_parts(settings: Settings) -> AsyncIterator[Outside]:
    threads = ThreadPoolExecutor(settings.concurrency + SPARE_THREADS)
    asyncio.get_running_loop().set_default_executor(threads)
    runs = settings.state / "runs"
    # a killed agent's run whose command is superseded before it runs again would keep its folder, and a password in it;
    # its runs of Ansible work for many commands: their folders' names are all that marks their processes
    await end_runs(await asyncio.to_thread(_names, runs))
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
        accounts=settings.linux_accounts(),
        pace=Pace(settings.concurrency, settings.ansible_idle_seconds),
    )
    client = httpx.AsyncClient(base_url=str(settings.api_url), timeout=REPORT_TIMEOUT_SECONDS, trust_env=False)
    async with client, JupyterHub(url=str(settings.hub_url), token=settings.hub_token) as hub:
        reporter, heartbeats, incidents = reporter_for(settings, client)
        access = await asyncio.to_thread(_access, settings, ansible)
        async with aclosing(ansible):
            delivery = _through_hub(settings, ansible, hub, runs) if settings.delivery == "hub" else ansible
            yield Outside(delivery, hub, reporter, heartbeats, access, AHEAD, incidents)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _through_hub(settings: Settings, renderer: Renderer, hub: SeatHub, runs: Path) -> Delivery:
    return HubDelivery(trees=settings.trees(), renderer=renderer, hub=hub, hub_url=str(settings.hub_url), runs=runs)


def _access(settings: Settings, delivery: AnsibleDelivery) -> Access:
    server = settings.ldap_server()
    marks = settings.state / "directory"
    marks.mkdir(mode=0o700, exist_ok=True)
    vault_password = settings.vault()
    variables = None
    if vault_password and settings.private:
        # half a second, which an agent without a vault need not wait at its start
        from wod_backend_agent.seat_variables import SeatVariables  # noqa: PLC0415

        variables = SeatVariables(settings.private.resolve() / "ansible", vault_password)
    directory = LdapDirectory(server) if server else None
    return HostAccess(settings.trees(), delivery.lock, marks, directory, variables)
