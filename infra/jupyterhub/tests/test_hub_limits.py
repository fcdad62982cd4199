"""What one seat takes at most of the machine. The attacks are bounded themselves, should a guard be missing."""

import asyncio
import os
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil
import pytest
import websockets
from pydantic import SecretStr

from wod_backend_agent.hub import HubUnavailable
from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.limits import MIB, Exceeded, Limits
from wod_jupyterhub.testing import HubTrial, Seat, run_cell

pytestmark = pytest.mark.timeout(300)
PATIENCE = 60.0  # seconds for what a measurement a second finds
ANSWER = 20.0  # seconds for what a cell does in one
PROCESSES, MEMORY, DISK, FILES = 100, 700, 50, 2000
_numbers = count(1)
#: Writes as much as asked, however long it is let.
FILL = "import os; chunk = bytes(1_000_000)\nfor n in range(%d):\n with open(%s, 'ab') as f: f.write(chunk)\nprint('filled')"


async def until(look: Callable[[], bool], what: str) -> None:  # poll: the hub is a process of its own
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE:.0f} s"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def strict_hub(uid_base: int | None) -> Iterator[HubTrial]:
    if uid_base is None:
        pytest.skip("seats share one account here: run as root with an interpreter that others can reach")
    folder = Path(tempfile.mkdtemp(prefix="wod-hub-"))
    folder.chmod(0o755)
    trial = HubTrial(folder, uid_base + 200, processes=PROCESSES, memory=MEMORY, disk=DISK, files=FILES, seconds=1)
    trial.sign_in.start()
    trial.start()
    # guards of our own, should the hub's be missing: root itself is not bound by the first
    resource.prlimit(trial.process.pid, resource.RLIMIT_NPROC, (1000, 1000))
    resource.prlimit(trial.process.pid, resource.RLIMIT_DATA, (3 * 2**30, 3 * 2**30))
    yield trial
    trial.stop()
    trial.sign_in.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def hub_client(strict_hub: HubTrial) -> AsyncIterator[JupyterHub]:
    async with JupyterHub(strict_hub.url, SecretStr(strict_hub.service_token)) as client:
        yield client


@pytest.fixture
async def student(strict_hub: HubTrial, hub_client: JupyterHub) -> AsyncIterator[Seat]:
    """With a server that runs."""
    seat = strict_hub.make_seat(next(_numbers))
    await hub_client.start_server(seat.name)
    yield seat
    await seat.close_browsers()
    await hub_client.stop_server(seat.name)
    assert processes_of(seat) == []


def uid_of(seat: Seat) -> int:
    return seat.home.stat().st_uid


def processes_of(seat: Seat) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["uids", "status"])
        if process.info["uids"].real == uid_of(seat) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def threads_of(seat: Seat) -> int:
    found = 0
    for process in processes_of(seat):
        with suppress(psutil.NoSuchProcess):
            found += process.num_threads()
    return found


async def run(seat: Seat, code: str) -> str:
    """What the code prints, or that the server has ended under it."""
    browser = await seat.browser()
    await browser.open_lab()
    try:
        # the proxy does not always tell that the server has gone
        async with asyncio.timeout(ANSWER), await browser.open_kernel() as kernel:
            return await run_cell(kernel, code)
    except (websockets.ConnectionClosed, TimeoutError):
        return "ended"


def log_of(hub: HubTrial) -> str:
    return hub.log.read_text()


async def test_a_fork_bomb_stays_within_the_seat(student: Seat, strict_hub: HubTrial, hub_client: JupyterHub) -> None:
    bomb = (
        "import subprocess; subprocess.Popen(['bash', '-c', 'bomb() { bomb | bomb & }; bomb'], stderr=-3); print('lit')"
    )
    assert await run(student, bomb) == "lit\n"
    most = 0

    def burnt() -> bool:
        nonlocal most
        most = max(most, threads_of(student))
        return most >= PROCESSES // 2

    await until(burnt, "the bomb")
    assert most <= PROCESSES
    # the machine and the hub are there for the others
    other = strict_hub.make_seat(next(_numbers))
    await hub_client.start_server(other.name)
    assert await run(other, "print(6 * 7)") == "42\n"
    await other.close_browsers()
    await hub_client.stop_server(other.name)


async def test_one_process_gets_no_more_memory_than_the_seat_has(student: Seat) -> None:
    hog = f"held = []\nfor n in range({MEMORY // 50 + 20}): held.append(bytes(50 * 2**20))"
    assert await run(student, hog) in {"", "MemoryError", "ended"}
    assert sum(process.memory_info().rss for process in processes_of(student)) < 2 * MEMORY * MIB


async def test_a_server_whose_processes_hog_memory_together_is_ended(student: Seat, strict_hub: HubTrial) -> None:
    hog = "import time; held = b'x' * (250 * 2**20); time.sleep(600)"
    code = f"import subprocess, sys; [subprocess.Popen([sys.executable, '-I', '-c', {hog!r}]) for _ in range(4)]; print('lit')"
    assert await run(student, code) in {"lit\n", "ended"}
    await until(lambda: processes_of(student) == [], "the end of the server")
    await until(
        lambda: f"the server of {student.name} is ended: its processes take" in log_of(strict_hub), "its reason"
    )


async def test_one_file_is_no_larger_than_the_seat_has_room(student: Seat) -> None:
    printed = await run(student, FILL % (DISK + 20, "'large'"))
    assert "File too large" in printed or printed == "ended"
    assert (student.home / "large").stat().st_size <= DISK * MIB


@pytest.mark.parametrize(
    "path",
    ["f'file-{n}'", "f'/tmp/wod-limits-{os.getuid()}-{n}'", "f'/dev/shm/wod-limits-{os.getuid()}-{n}'"],
    ids=["home", "tmp", "shm"],
)
async def test_a_server_that_fills_the_disk_is_ended_and_not_started_again(
    student: Seat, strict_hub: HubTrial, hub_client: JupyterHub, path: str
) -> None:
    left = [Path(folder) for folder in ("/tmp", "/dev/shm")]
    try:
        await run(student, FILL % (DISK + 20, path))
        await until(lambda: f"the server of {student.name} is ended: its files take" in log_of(strict_hub), "its end")
        await until(lambda: processes_of(student) == [], "the end of the server")
        with pytest.raises(HubUnavailable, match=f"more than the {DISK} MiB that are allowed"):
            await hub_client.start_server(student.name)
    finally:
        for file in (file for folder in left for file in folder.glob(f"wod-limits-{uid_of(student)}-*")):
            file.unlink()


async def test_a_file_without_a_name_counts(student: Seat, strict_hub: HubTrial) -> None:
    hidden = "import os\nfiles = [open(str(n), 'wb') for n in range(7)]\nfor n, f in enumerate(files): os.unlink(str(n)); f.write(bytes(10_000_000)); f.flush()"
    assert await run(student, hidden) in {"", "ended"}
    await until(lambda: f"the server of {student.name} is ended: its files take" in log_of(strict_hub), "its end")


async def test_a_server_with_too_many_files_is_ended(student: Seat, strict_hub: HubTrial) -> None:
    await run(student, f"for n in range({FILES + 10}): open(f'file-{{n}}', 'w').close()")
    await until(lambda: f"the server of {student.name} is ended: it has more than" in log_of(strict_hub), "its end")


async def test_a_seat_within_its_limits_is_let_be(student: Seat, strict_hub: HubTrial) -> None:
    await run(student, FILL % (DISK // 2, "'file'"))
    measured = Limits(disk=DISK, files=FILES, memory=MEMORY)
    measured.check(student.home, uid_of(student))
    assert (await student.server())["ready"]
    assert f"the server of {student.name} is ended" not in log_of(strict_hub)


def test_a_walk_follows_nothing_and_counts_a_file_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "outside").mkdir()
    for number in range(50):
        (tmp_path / "outside" / str(number)).write_bytes(bytes(MIB))
    (home / "link").symlink_to(tmp_path / "outside")
    (home / "file").write_bytes(bytes(MIB))
    for number in range(20):
        os.link(home / "file", home / f"again-{number}")
    os.mkfifo(home / "fifo")
    (home / os.fsdecode(b"\xff\xfe\n$(id)")).write_bytes(bytes(MIB))
    Limits(disk=3, files=10).check(home, None)
    with pytest.raises(Exceeded, match="more than the 1 MiB"):
        Limits(disk=1).check(home, None)


def test_a_walk_ends_in_a_bottomless_home(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    with pytest.raises(Exceeded, match="folders in folders"):
        Limits(disk=100, files=10_000).check(tmp_path, None)


def test_a_walk_is_over_with_the_first_file_too_many(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / str(number)).touch()
    with pytest.raises(Exceeded, match="more than the 100 files"):
        Limits(files=100).check(tmp_path, None)


def test_a_home_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    Limits(disk=1, files=1).check(tmp_path / "none", None)
