"""Delivery through the hub: what only it can get wrong."""

import asyncio
import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from delivery_places import PASSWORD, WORKSHOP, Place, notebook
from pydantic import SecretStr

from wod_backend_agent.delivery import hub as hub_module
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import DeliveryFailed, Seat
from wod_backend_agent.delivery.contents import LARGEST_ANSWER, ContentsRefused, SeatContents
from wod_backend_agent.delivery.hub import HubDelivery
from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.hub_client import JupyterHub
from wod_backend_agent.trees import Trees
from wod_jupyterhub.testing import HubTrial
from wod_jupyterhub.testing import Seat as HubSeat

STRANGER = 64_999
DRIVER = Path(__file__).with_name("delivering_stranger.py")


#: of the two places where deliveries are tried
of_the_hub = pytest.mark.parametrize("place", ["hub"], indirect=True)


@pytest.fixture
def through_hub(place: Place) -> Place:
    return place


async def test_an_agent_without_access_to_the_disk_delivers_measures_and_cleans(
    hub_trial: HubTrial, seat_uids: int | None, open_folder: Path
) -> None:
    if seat_uids is None:
        pytest.skip("NOT PROVED HERE: needs root and an interpreter that other accounts can reach")
    own = open_folder / f"stranger-{uuid4()}"
    (own / "notebooks").mkdir(parents=True)
    Place.write(own / "notebooks" / WORKSHOP / "1.ipynb", notebook(("{{ STDID }}", None)))
    for path in (own, *own.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
    home = hub_trial.homes / "student120"
    asked = {"own": str(own), "home": str(home), "url": hub_trial.url, "token": hub_trial.service_token}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(DRIVER)], input=json.dumps(asked), text=True, capture_output=True,
        user=STRANGER, group=STRANGER, extra_groups=[], cwd=own, env={"PATH": os.defpath, "HOME": str(own)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])  # its log comes before
    assert said == {"closed": True, "completion": 0, "again": None}
    assert not home.exists()


@of_the_hub
async def test_what_the_student_makes_of_his_home_is_wiped(through_hub: Place) -> None:
    through_hub.workshop({"1.ipynb": notebook(("1", None))})
    await through_hub.create()
    home, outside = through_hub.seat.home, through_hub.root / "precious"
    outside.write_text("precious")
    handle = os.open(home, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    (home / "closed").mkdir(0)
    (home / "link").symlink_to(through_hub.root)
    (home / "-rf").write_text("x")
    await through_hub.delivery.clean(uuid4(), through_hub.seat)
    assert not home.exists()
    assert outside.read_text() == "precious"


@of_the_hub
async def test_a_server_that_ended_by_itself_keeps_the_work_and_is_measured(through_hub: Place) -> None:
    through_hub.workshop({"1.ipynb": notebook(("1", None))})
    await through_hub.create()
    through_hub.leave(f"{WORKSHOP}/1.ipynb", notebook(("1", 1)))
    assert through_hub.hub is not None
    token = await through_hub.hub.access(through_hub.seat.username)
    async with httpx.AsyncClient(headers={"Authorization": f"token {token.get_secret_value()}"}) as http:
        server = f"{through_hub.hub._url}/user/{through_hub.seat.username}"
        await http.post(f"{server}/api/shutdown")
    assert await _measured(through_hub) == 100


async def _measured(place: Place) -> int | None:  # poll: the server takes its time to end, and to come back
    async with asyncio.timeout(60):
        while True:
            try:
                return await place.delivery.measure(uuid4(), place.seat, WORKSHOP)
            except DeliveryFailed:
                await asyncio.sleep(0.2)


@of_the_hub
async def test_a_stopped_server_has_lost_its_storage(through_hub: Place) -> None:
    through_hub.workshop({"1.ipynb": notebook(("1", None))})
    await through_hub.create()
    assert through_hub.hub is not None
    await through_hub.hub.stop_server(through_hub.seat.username)
    assert not through_hub.seat.home.exists()
    assert await through_hub.delivery.measure(uuid4(), through_hub.seat, WORKSHOP) is None


@of_the_hub
async def test_a_student_can_start_the_server_and_neither_stop_nor_wipe_it(
    hub_trial: HubTrial, through_hub: Place
) -> None:
    through_hub.workshop({"1.ipynb": notebook(("1", None))})
    await through_hub.create()
    name = through_hub.seat.username
    hub_trial.sign_in.passwords[name] = PASSWORD
    student = HubSeat(hub_trial, name, through_hub.seat.home)
    browser = await student.browser()
    assert (await browser.open_lab()).url.path == f"/user/{name}/lab"
    for method, path in (
        ("DELETE", f"/hub/api/users/{name}/server"),
        ("DELETE", f"/hub/api/users/{name}/servers/"),
        ("DELETE", f"/hub/wod/seats/{name}/storage"),
        ("POST", f"/hub/wod/seats/{name}/access"),
    ):
        answer = await browser.call(method, path, json={})
        assert answer.status_code == httpx.codes.FORBIDDEN, path
        assert "requires any of [custom:wod:deliver]" in answer.text, (path, answer.text)
    started = await browser.call("POST", f"/hub/api/users/{name}/server", json={})
    assert started.status_code == httpx.codes.BAD_REQUEST, started.text
    assert f"{WORKSHOP}/1.ipynb" in through_hub.files()
    await student.close_browsers()


@of_the_hub
async def test_the_seats_token_opens_this_seats_server_and_nothing_else(through_hub: Place) -> None:
    through_hub.workshop({"1.ipynb": notebook(("1", None))})
    await through_hub.create()
    assert through_hub.hub is not None
    name = through_hub.seat.username
    headers = {"Authorization": f"token {(await through_hub.hub.access(name)).get_secret_value()}"}
    async with httpx.AsyncClient(base_url=through_hub.hub._url, headers=headers) as http:
        assert (await http.get(f"/user/{name}/api/contents/")).status_code == httpx.codes.OK
        for method, path in (
            ("POST", f"/hub/api/users/{name}/tokens"),
            ("DELETE", f"/hub/api/users/{name}/server"),
            ("POST", "/hub/wod/seats/student39/access"),
            ("POST", "/hub/api/users/student39/server"),
        ):
            assert (await http.request(method, path, json={})).status_code in {403, 404}, path


async def test_where_the_hub_delivers_nothing_the_agents_token_opens_nothing(open_folder: Path) -> None:
    folder = open_folder / f"other-{uuid4()}"
    folder.mkdir()
    trial = HubTrial(folder, None, seats=2)
    await asyncio.to_thread(trial.start)
    try:
        async with JupyterHub(trial.url, SecretStr(trial.service_token)) as client:
            for call in (client.access, client.wipe):
                with pytest.raises(HubUnavailable):
                    await call("student1")
    finally:
        await asyncio.to_thread(trial.stop)


class Obedient:
    """A hub that says yes to everything; the seat's server is what the test makes of it."""

    async def start_server(self, username: str) -> None: ...
    async def stop_server(self, username: str) -> None: ...
    async def evict(self, username: str) -> None: ...
    async def wipe(self, username: str) -> None: ...

    async def runs_server(self, username: str) -> bool:
        return True

    async def ready(self) -> str:
        return "double"

    async def access(self, username: str) -> SecretStr:
        return SecretStr("the seat's own")


Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server_of_a_student(answer: Answer) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its address, and all that it was sent."""
    sent: list[bytes] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            serving.add(task)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                sent.append(request)
                await answer(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def http_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    async def answer(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(http_answer(body, status, *headers))

    return answer


async def without_end(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


def a_listing(*entries: object) -> bytes:
    return json.dumps({"type": "directory", "content": entries}).encode()


HOSTILE = {
    "without end": without_end,
    "elsewhere": says(b"", "302 Found", "Location: http://169.254.169.254/"),
    "bomb": says(gzip.compress(b" " * 10_000_000), "200 OK", "Content-Encoding: gzip"),
    "nothing": says(b""),
    "list": says(b"[1, 2]"),
    "nested": says(b"[" * 200_000),
    "number": says(b'{"content": ' + b"9" * 20_000 + b"}"),
    "no http": says(b"", "\x00\x00"),
    "refusal": says(b'{"message": "' + b"x" * 50_000 + b'"}', "500 No"),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_answer_is_a_refusal_of_bounded_size(answer: Answer) -> None:
    async with (
        server_of_a_student(answer) as (url, _),
        SeatContents(url, "student1", SecretStr("the seat's own")) as contents,
    ):
        with pytest.raises(ContentsRefused) as refused:
            await contents.verify("a.txt", b"")
        assert len(str(refused.value)) < 1000
        with pytest.raises(ContentsRefused):
            await contents.write("a.txt", b"x")


async def test_names_that_are_no_names_are_left_out() -> None:
    names = ["..", ".", "", "a/b", "/etc/passwd", ".hidden", "x" * 256, 7, None, {"a": 1}, "fine.ipynb"]
    entries = [{"name": name, "type": "file"} for name in names]
    async with (
        server_of_a_student(says(a_listing(*entries, "text", None))) as (url, _),
        SeatContents(url, "student1", SecretStr("the seat's own")) as contents,
    ):
        assert [entry.name for entry in await contents.entries("WKSHP-A")] == ["fine.ipynb"]


async def test_what_is_larger_than_asked_is_refused() -> None:
    body = json.dumps({"content": base64.b64encode(b"x" * 4 * LARGEST_ANSWER).decode()}).encode()
    async with (
        server_of_a_student(says(body)) as (url, _),
        SeatContents(url, "student1", SecretStr("the seat's own")) as contents,
    ):
        with pytest.raises(ContentsRefused, match="more than"):
            await contents.read("a.ipynb", LARGEST_ANSWER)
        assert len(await contents.read("a.ipynb", 4 * LARGEST_ANSWER)) == 4 * LARGEST_ANSWER


def delivery_to(url: str, root: Path) -> HubDelivery:
    trees = Trees([root])
    ansible = AnsibleDelivery(trees=trees, homes=root, runs=root, delivered=root, variables={})
    return HubDelivery(trees=trees, renderer=ansible, hub=Obedient(), hub_url=url, runs=root / "runs")


async def test_a_folder_within_itself_ends_and_only_the_seats_token_is_sent(tmp_path: Path) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"type=directory" in request:
            writer.write(http_answer(a_listing(*({"name": f"d{n}", "type": "directory"} for n in range(500)))))
        else:
            writer.write(http_answer(b"{}"))

    async with server_of_a_student(answer) as (url, sent):
        assert await delivery_to(url, tmp_path).measure(uuid4(), Seat(1, tmp_path / "student1"), WORKSHOP) is None
    assert 1 < len(sent) < 100
    assert all(
        b"authorization: token the seat's own\r\n" in request.replace(b"Authorization", b"authorization")
        for request in sent
    )


async def test_a_server_that_says_nothing_costs_a_limited_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MEASURE_SECONDS", 0.2)

    async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with server_of_a_student(silent) as (url, _):
        with pytest.raises(DeliveryFailed, match="had not shown its notebooks"):
            await delivery_to(url, tmp_path).measure(uuid4(), Seat(1, tmp_path / "student1"), WORKSHOP)


async def test_a_server_that_lies_about_what_it_took_fails_the_delivery() -> None:
    lie = json.dumps({"hash": "0" * 64, "hash_algorithm": "sha256"}).encode()
    async with (
        server_of_a_student(says(lie)) as (url, _),
        SeatContents(url, "student1", SecretStr("the seat's own")) as contents,
    ):
        with pytest.raises(ContentsRefused, match="did not arrive as it was sent"):
            await contents.verify("a.txt", b"x")
