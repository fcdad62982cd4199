import asyncio

import httpx
import pytest
from pydantic import SecretStr

from wod_backend_agent.hub import Hub, HubUnavailable
from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial, Seat, free_port


async def test_every_call_is_repeatable(seat: Seat, client: JupyterHub) -> None:
    hub: Hub = client
    await hub.stop_server(seat.name)
    await hub.start_server(seat.name)
    await hub.start_server(seat.name)
    await hub.stop_server(seat.name)
    await hub.stop_server(seat.name)
    await hub.evict(seat.name)
    await hub.evict(seat.name)


async def test_two_starts_at_once_both_return_when_the_server_answers(seat: Seat, client: JupyterHub) -> None:
    await asyncio.gather(client.start_server(seat.name), client.start_server(seat.name))
    async with httpx.AsyncClient(base_url=seat.hub.url) as http:
        assert (await http.get(f"/user/{seat.name}/api")).status_code == 200


async def test_stop_waits_for_a_start_that_is_under_way(seat: Seat, client: JupyterHub) -> None:
    start = asyncio.create_task(client.start_server(seat.name))
    await seat.until_starting()
    await client.stop_server(seat.name)
    await asyncio.gather(start, return_exceptions=True)
    server = await seat.server()
    assert (server["ready"], server["pending"]) == (False, None)


async def test_stop_of_what_is_no_seat_has_nothing_to_do(client: JupyterHub) -> None:
    await client.stop_server("nobody")


async def test_ready_names_the_version(client: JupyterHub) -> None:
    assert (await client.ready()).startswith("JupyterHub 6")


async def test_hub_that_is_away_is_named(hub: HubTrial) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with JupyterHub(url, SecretStr(hub.service_token)) as client:
        with pytest.raises(HubUnavailable, match=url):
            await client.ready()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "users/another"),
        ("DELETE", "users/{name}"),
        ("GET", "users/{name}/tokens"),
        ("POST", "users/{name}/tokens"),
        ("POST", "shutdown"),
    ],
)
async def test_service_token_can_do_no_more_than_its_work(method: str, path: str, hub: HubTrial, seat: Seat) -> None:
    headers = {"Authorization": f"token {hub.service_token}"}
    async with httpx.AsyncClient(base_url=hub.url, headers=headers) as http:
        answer = await http.request(method, f"/hub/api/{path.format(name=seat.name)}")
        assert answer.status_code in {403, 404}, answer.text
        assert (await http.get(f"/user/{seat.name}/api/contents")).status_code in {302, 403, 404, 424}
