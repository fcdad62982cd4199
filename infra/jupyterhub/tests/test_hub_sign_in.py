import httpx

from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import Browser, HubTrial, Seat


async def test_right_password_opens_the_lab(seat: Seat, client: JupyterHub) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    page = await browser.open_lab()
    assert page.status_code == 200
    assert page.url.path == f"/user/{seat.name}/lab"
    assert "<title>JupyterLab</title>" in page.text


async def test_wrong_password_is_refused(hub: HubTrial, seat: Seat) -> None:
    browser = seat.new_browser()
    answer = await browser.sign_in("wrong")
    assert answer.status_code == 403
    assert "Invalid username or password" in answer.text


async def test_name_that_is_no_seat_is_refused_without_asking_the_agent(hub: HubTrial) -> None:
    hub.sign_in.passwords["root"] = "known"
    browser = Browser(hub.url, "root")
    assert (await browser.sign_in("known")).status_code == 403
    await browser.close()


async def test_sign_in_while_the_agent_is_away_says_to_try_again(hub: HubTrial, seat: Seat) -> None:
    browser = seat.new_browser()
    hub.sign_in.stop()
    try:
        answer = await browser.sign_in(seat.password)
    finally:
        hub.sign_in.start()
    assert answer.status_code == 503
    assert "try again in a minute" in answer.text
    assert (await browser.sign_in(seat.password)).status_code == 302


async def test_home_page_start_and_stop_work_for_the_student(seat: Seat) -> None:
    browser = await seat.browser()
    assert (await browser.http.get("/hub/home")).status_code == 200
    started = await browser.http.get("/hub/spawn", follow_redirects=True)
    assert started.status_code == 200
    progress = await browser.http.get(f"/hub/api/users/{seat.name}/server/progress")
    assert '"ready": true' in progress.text
    assert (await browser.open_lab()).status_code == 200
    stopped = await browser.call("DELETE", f"/hub/api/users/{seat.name}/server")
    assert stopped.status_code == httpx.codes.NO_CONTENT
