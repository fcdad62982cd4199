"""One hub for all tests; a seat for each."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial, Seat

UID_BASE = 61_000
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def uid_base() -> int | None:
    """Seats get uids of their own where that is possible: root, and an interpreter that others can reach."""
    if os.geteuid() != 0:
        return None
    probe = [sys.executable, "-I", "-c", "import wod_jupyterhub"]
    reached = subprocess.run(probe, user=UID_BASE, group=UID_BASE, extra_groups=[], cwd="/", check=False)
    return UID_BASE if reached.returncode == 0 else None


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to other uids."""
    folder = Path(tempfile.mkdtemp(prefix="wod-hub-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def hub(open_folder: Path, uid_base: int | None) -> Iterator[HubTrial]:
    trial = HubTrial(open_folder, uid_base)
    trial.sign_in.start()
    trial.start()
    yield trial
    trial.stop()
    trial.sign_in.stop()


@pytest.fixture
async def client(hub: HubTrial) -> AsyncIterator[JupyterHub]:
    async with JupyterHub(hub.url, SecretStr(hub.service_token)) as jupyterhub:
        yield jupyterhub


@pytest.fixture
async def seat(hub: HubTrial, client: JupyterHub) -> AsyncIterator[Seat]:
    made = hub.make_seat(next(_numbers))
    yield made
    await made.close_browsers()
    await client.stop_server(made.name)


@pytest.fixture
async def neighbour(hub: HubTrial, client: JupyterHub) -> AsyncIterator[Seat]:
    made = hub.make_seat(next(_numbers))
    yield made
    await made.close_browsers()
    await client.stop_server(made.name)
