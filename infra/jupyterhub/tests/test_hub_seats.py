import os

import httpx
import psutil
import pytest

from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import HubTrial, Seat, run_cell

NOT_FOR_STUDENTS = [
    ("POST", "/hub/api/users/{own}/tokens"),
    ("GET", "/hub/api/users/{own}/tokens"),
    ("POST", "/hub/api/shares/{own}/"),
    ("POST", "/hub/api/share-codes/{own}/"),
    ("POST", "/hub/api/users/{own}/servers/second"),
    ("GET", "/hub/api/users"),
    ("POST", "/hub/api/users/another"),
    ("GET", "/hub/api/users/{other}"),
    ("GET", "/hub/api/users/{other}/server"),
    ("GET", "/hub/api/users/{other}/server/progress"),
    ("POST", "/hub/api/users/{other}/server"),
    ("DELETE", "/hub/api/users/{other}/server"),
    ("POST", "/hub/wod/seats/{own}/evict"),
    ("POST", "/hub/wod/seats/{other}/evict"),
    ("GET", "/hub/api/proxy"),
    ("POST", "/hub/api/shutdown"),
    ("GET", "/hub/metrics"),
    ("GET", "/hub/admin"),
    ("GET", "/hub/spawn/{other}"),
    ("GET", "/user/{other}/lab"),
    ("GET", "/user/{other}/api/contents"),
]


async def test_kernel_runs_in_the_seats_home_as_the_seat(seat: Seat, client: JupyterHub, uid_base: int | None) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    async with await browser.open_kernel() as kernel:
        printed = await run_cell(kernel, "import os; print(os.getcwd(), os.getuid(), os.umask(0o77))")
    uid = uid_base + int(seat.name.removeprefix("student")) if uid_base else os.getuid()
    assert printed == f"{seat.home} {uid} {0o77}\n"


async def test_students_environment_holds_no_secret_of_ours(hub: HubTrial, seat: Seat, client: JupyterHub) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    async with await browser.open_kernel() as kernel:
        printed = await run_cell(kernel, "import os; print(dict(os.environ), open('/proc/self/environ').read())")
    assert "JUPYTERHUB_API_TOKEN" in printed
    for secret in ("WOD_", "CONFIGPROXY", hub.service_token, hub.sign_in.token, seat.password):
        assert secret not in printed


@pytest.mark.parametrize("by", ["session", "token"])
async def test_student_can_do_nothing_beyond_the_own_server(
    by: str, seat: Seat, neighbour: Seat, client: JupyterHub
) -> None:
    await client.start_server(seat.name)
    await client.start_server(neighbour.name)
    browser = await seat.browser()
    await browser.open_lab()
    if by == "token":
        async with await browser.open_kernel() as kernel:
            token = await run_cell(kernel, "import os; print(os.environ['JUPYTERHUB_API_TOKEN'])")
        browser.http.cookies.clear()
        browser.http.headers["Authorization"] = f"token {token.strip()}"
    assert (await browser.call("GET", f"/user/{seat.name}/api/contents")).status_code == 200
    allowed = [
        (method, path)
        for method, path in NOT_FOR_STUDENTS
        if not await _refused(browser.http, method, path.format(own=seat.name, other=neighbour.name))
    ]
    assert allowed == []


async def _refused(http: httpx.AsyncClient, method: str, path: str) -> bool:
    answer = await http.request(method, path, json={} if method == "POST" else None, follow_redirects=True)
    return answer.status_code in {400, 403, 404} or answer.url.path == "/hub/login"


async def test_student_cannot_enter_a_neighbours_home(
    seat: Seat, neighbour: Seat, client: JupyterHub, uid_base: int | None
) -> None:
    if uid_base is None:
        pytest.skip("seats share one account here: run as root with an interpreter that others can reach")
    (neighbour.home / "secret.txt").write_text("of the neighbour")
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    async with await browser.open_kernel() as kernel:
        read = await run_cell(kernel, f"open('{neighbour.home}/secret.txt').read()")
        state = await run_cell(kernel, f"import os; os.listdir('{seat.hub.state}')")
    assert "Permission denied" in read
    assert "Permission denied" in state


async def test_terminal_opens_in_the_home(seat: Seat, client: JupyterHub) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    name = (await browser.call("POST", f"{browser.server}/api/terminals")).json()["name"]
    async with await browser.open_socket(f"{browser.server}/terminals/websocket/{name}") as terminal:
        await terminal.send('["stdin", "pwd; echo do\\"\\"ne\\r"]')
        printed = ""
        while "done" not in printed:
            printed += str(await terminal.recv())
    assert str(seat.home) in printed


async def test_lab_restores_the_default_workspace_and_asks_nothing(
    seat: Seat, client: JupyterHub, uid_base: int | None
) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    page = await browser.open_lab()
    assert "@jupyterlab/apputils-extension:announcements" in page.text
    workspace = {"data": {"layout-restorer:data": {"main": {"dock": None}}}, "metadata": {"id": "default"}}
    saved = await browser.call("PUT", f"{browser.server}/lab/api/workspaces/default", json=workspace)
    assert saved.status_code == 204
    assert len(list(seat.home.glob(".jupyter/lab/workspaces/default*.jupyterlab-workspace"))) == 1
    setting = await browser.call(
        "GET", f"{browser.server}/lab/api/settings/@jupyterlab/apputils-extension:notification"
    )
    assert setting.json()["schema"]["properties"]["fetchNews"]["default"] == "false"


async def test_stopping_ends_what_the_student_left_running(
    seat: Seat, client: JupyterHub, uid_base: int | None
) -> None:
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    left = "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)"
    async with await browser.open_kernel() as kernel:
        pid = int(await run_cell(kernel, left))
    await client.stop_server(seat.name)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_start_without_a_home_says_why(hub: HubTrial, client: JupyterHub) -> None:
    with pytest.raises(HubUnavailable, match="student40 has no home"):
        await client.start_server("student40")
