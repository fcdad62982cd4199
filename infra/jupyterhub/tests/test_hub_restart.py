import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial, run_cell


@pytest.fixture(params=["own uids", "one account"])
def own_hub(request: pytest.FixtureRequest, uid_base: int | None) -> Iterator[HubTrial]:
    if request.param == "own uids" and uid_base is None:
        pytest.skip("seats share one account here: run as root with an interpreter that others can reach")
    folder = Path(tempfile.mkdtemp(prefix="wod-hub-"))
    folder.chmod(0o755)
    trial = HubTrial(folder, uid_base + 100 if uid_base and request.param == "own uids" else None, seats=2)
    trial.sign_in.start()
    trial.start()
    yield trial
    trial.stop()
    trial.sign_in.stop()
    shutil.rmtree(folder)


async def test_hub_killed_and_restarted_goes_on_where_it_was(own_hub: HubTrial) -> None:
    seat = own_hub.make_seat(1)
    async with JupyterHub(own_hub.url, SecretStr(own_hub.service_token)) as client:
        await client.start_server(seat.name)
        browser = await seat.browser()
        await browser.open_lab()

        own_hub.crash()
        own_hub.start()

        assert (await browser.open_lab()).status_code == 200
        async with await browser.open_kernel() as kernel:
            assert await run_cell(kernel, "print(6 * 7)") == "42\n"
        await client.evict(seat.name)
        assert (await browser.open_lab()).url.path == "/hub/login"
        await client.start_server(seat.name)
    await seat.close_browsers()


async def _lets_in(hub: HubTrial, token: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{hub.url}/hub/api/user", headers={"Authorization": f"token {token}"})
    return answer.status_code == httpx.codes.OK


@pytest.mark.parametrize("own_hub", ["one account"], indirect=True)
async def test_the_agents_token_is_exchanged_and_the_old_one_dies(own_hub: HubTrial) -> None:
    old, new = own_hub.service_token, secrets.token_hex(16)
    assert await _lets_in(own_hub, old)
    own_hub.stop()
    own_hub.take_service_tokens(new, old)
    own_hub.start()
    assert await _lets_in(own_hub, new)
    assert await _lets_in(own_hub, old)
    own_hub.stop()
    own_hub.take_service_tokens(new)
    own_hub.start()
    assert await _lets_in(own_hub, new)
    assert not await _lets_in(own_hub, old)
