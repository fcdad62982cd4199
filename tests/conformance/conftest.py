"""A hub for the tests of deliveries; a seat for each."""

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from delivery_places import Place
from pydantic import SecretStr

from wod_backend_agent.delivery.base import Seat
from wod_backend_agent.delivery.hub import HubDelivery
from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial

UID_BASE = 63_000
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def seat_uids() -> int | None:
    """Seats get uids of their own where that is possible: root, and an interpreter that others can reach."""
    if os.geteuid() != 0:
        return None
    probe = [sys.executable, "-I", "-c", "import wod_jupyterhub, wod_backend_agent"]
    reached = subprocess.run(probe, user=UID_BASE, group=UID_BASE, extra_groups=[], cwd="/", check=False)
    return UID_BASE if reached.returncode == 0 else None


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """pytest's own folders are closed to other uids."""
    folder = Path(tempfile.mkdtemp(prefix="wod-delivery-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def hub_trial(open_folder: Path, seat_uids: int | None) -> Iterator[HubTrial]:
    trial = HubTrial(open_folder, seat_uids, seats=120, delivery="hub")
    trial.sign_in.start()
    trial.start()
    yield trial
    trial.stop()
    trial.sign_in.stop()


@pytest.fixture(params=["ansible", "hub"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, seat_uids: int | None) -> AsyncIterator[Place]:
    number = next(_numbers)
    if request.param == "ansible":
        (tmp_path / "homes").mkdir()
        through_ansible = Place(tmp_path, tmp_path / "homes", Seat(number, tmp_path / "homes" / f"student{number}"))
        async with aclosing(through_ansible.ansible):
            yield through_ansible
        return
    trial = await asyncio.to_thread(request.getfixturevalue, "hub_trial")
    uid = seat_uids + number if seat_uids else None
    made = Place(tmp_path, trial.homes, Seat(number, trial.homes / f"student{number}", uid))
    async with aclosing(made.ansible), JupyterHub(trial.url, SecretStr(trial.service_token)) as client:
        made.hub = client
        made.delivery = HubDelivery(
            trees=made.trees, renderer=made.ansible, hub=client, hub_url=trial.url, runs=tmp_path / "runs"
        )
        yield made
        await client.wipe(made.seat.username)
