# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import asyncio

import httpx
import pytest
import websockets
from jupyterhub.orm import User, new_session_factory
from pydantic import SecretStr

from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import Browser, HubTrial, Seat, run_cell


async def _refused(browser: Browser) -> None:
    """None of the browser's cookies opens anything: it is led to the sign-in, or forbidden."""
    home = await browser.http.get("/hub/home")
    assert (home.status_code, httpx.URL(home.headers["Location"]).path) == (302, "/hub/login")
    lab = await browser.open_lab()
    assert lab.url.path == "/hub/login"
    contents = await browser.http.get(f"{browser.server}/api/contents", follow_redirects=True)
    assert contents.status_code == 403 or contents.url.path == "/hub/login"
    assert (await browser.call("POST", f"/hub/api/users/{browser.username}/server")).status_code == 403


async def test_old_cookies_token_and_websocket_are_dead_for_the_next_holder(seat: Seat, client: JupyterHub) -> None:
    await client.start_server(seat.name)
    old = await seat.browser()
    await old.open_lab()
    kernel = await old.open_kernel()
    token = (await run_cell(kernel, "import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")).strip()
    cookies = httpx.Cookies(old.http.cookies)

    await client.stop_server(seat.name)
    await client.evict(seat.name)
    await client.start_server(seat.name)

    with pytest.raises(websockets.ConnectionClosed):
        await run_cell(kernel, "1")
    await _refused(old)
    old.http.cookies = cookies
    with pytest.raises(websockets.InvalidStatus, match="403"):
        await old.open_socket(f"{old.server}/terminals/websocket/1")
    bearer = {"Authorization": f"token {token}"}
    async with httpx.AsyncClient(base_url=seat.hub.url, headers=bearer) as http:
        assert (await http.get(f"{old.server}/api/contents")).status_code == 403
        assert (await http.post(f"/hub/api/users/{seat.name}/activity", json={})).status_code == 403


async def test_eviction_ends_a_server_that_still_runs(seat: Seat, client: JupyterHub) -> None:
    await client.start_server(seat.name)
    old = await seat.browser()
    await old.open_lab()
    kernel = await old.open_kernel()
    await client.evict(seat.name)
    with pytest.raises(websockets.ConnectionClosed):
        await run_cell(kernel, "1")
    await _refused(old)


async def test_eviction_ends_a_server_that_is_starting(seat: Seat, client: JupyterHub) -> None:
    start = asyncio.create_task(client.start_server(seat.name))
    await seat.until_starting()
    await client.evict(seat.name)
    with pytest.raises(HubUnavailable):
        await start
    server = await seat.server()
    assert (server["ready"], server["pending"]) == (False, None)


def _mint_token(seat: Seat) -> str:
    """As an operator does at the database; a student cannot."""
    session = new_session_factory(f"sqlite:///{seat.hub.state / 'jupyterhub.sqlite'}")()
    token: str = User.find(session, seat.name).new_api_token()
    session.close()
    session.get_bind().dispose()
    return token


async def test_token_minted_before_is_dead(seat: Seat, client: JupyterHub) -> None:
    bearer = {"Authorization": f"token {_mint_token(seat)}"}
    async with httpx.AsyncClient(base_url=f"{seat.hub.url}/hub/api", headers=bearer) as http:
        assert (await http.get("/user")).status_code == 200
        await client.evict(seat.name)
        assert (await http.get("/user")).status_code == 403


async def test_evicted_student_comes_back_with_the_new_password_only(
    hub: HubTrial, seat: Seat, client: JupyterHub
) -> None:
    old = seat.password
    hub.sign_in.passwords[seat.name] = "the next one's"
    await client.evict(seat.name)
    browser = seat.new_browser()
    assert (await browser.sign_in(old)).status_code == 403
    assert (await browser.sign_in(seat.password)).status_code == 302


async def test_evicting_one_seat_leaves_the_others_signed_in(seat: Seat, neighbour: Seat, client: JupyterHub) -> None:
    other = await neighbour.browser()
    await client.evict(seat.name)
    assert (await other.http.get("/hub/home")).status_code == 200


async def test_eviction_of_what_is_no_seat_is_told(client: JupyterHub) -> None:
    with pytest.raises(HubUnavailable, match="no seat nobody"):
        await client.evict("nobody")


async def test_eviction_needs_the_service_token(hub: HubTrial, seat: Seat) -> None:
    async with httpx.AsyncClient(base_url=hub.url) as http:
        assert (await http.post(f"/hub/wod/seats/{seat.name}/evict")).status_code == 403
    async with JupyterHub(hub.url, SecretStr("not the token")) as stranger:
        with pytest.raises(HubUnavailable, match="service token"):
            await stranger.evict(seat.name)
