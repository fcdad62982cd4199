"""Labs at names of their own."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial, Seat

NAME = "lab.localhost"


@pytest.fixture
def named_hub(uid_base: int | None) -> Iterator[HubTrial]:
    folder = Path(tempfile.mkdtemp(prefix="wod-hub-"))
    folder.chmod(0o755)
    trial = HubTrial(folder, uid_base, seats=2, name=NAME)
    trial.sign_in.start()
    trial.start()
    yield trial
    trial.stop()
    trial.sign_in.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def named_seat(named_hub: HubTrial) -> AsyncIterator[Seat]:
    seat = named_hub.make_seat(1)
    yield seat
    await seat.close_browsers()


async def test_lab_is_at_its_own_name_and_not_at_the_hubs(named_hub: HubTrial, named_seat: Seat) -> None:
    seat = named_seat
    # the agent calls by address, as ever
    async with JupyterHub(f"http://127.0.0.1:{named_hub.port}", SecretStr(named_hub.service_token)) as agent:
        await agent.start_server(seat.name)
        browser = await seat.browser()
        page = await browser.http.get("/hub/user-redirect/lab", follow_redirects=True)
        assert page.status_code == httpx.codes.OK
        assert page.url.host == f"student1.{NAME}"
        assert "<title>JupyterLab</title>" in page.text
        # what a seat serves under the hub's own name could act there in a visitor's name: the hub itself answers
        under_hub = await browser.http.get("/user/student1/lab")
        assert under_hub.is_redirect
        assert under_hub.headers["location"] == f"{named_hub.url}/hub/user/student1/lab"
        # nor is another seat's name a way to it
        elsewhere = await browser.http.get(f"http://student2.{NAME}:{named_hub.port}/user/student1/api/status")
        assert "started" not in elsewhere.text
        own = await browser.http.get(f"http://student1.{NAME}:{named_hub.port}/user/student1/api/status")
        assert "started" in own.text
        await agent.stop_server(seat.name)
