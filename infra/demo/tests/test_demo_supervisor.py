"""Small real programs under the supervisor: what dies comes back, what is stopped is gone, nothing outlives the launcher."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from wod_demo.supervisor import Service, Supervisor

#: Goes on until a signal; "deaf" hears none but SIGKILL, "family" has a child in its session.
PROGRAM = """
import pathlib, signal, subprocess, sys
role, folder = sys.argv[1], pathlib.Path(sys.argv[2])
if role == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if role == "family":
    child = subprocess.Popen(["sleep", "600"])
    (folder / "child").write_text(str(child.pid))
if role == "polite":
    def end(*_):
        with (folder / "order").open("a") as order:
            order.write(sys.argv[3] + " ")
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, end)
(folder / ("up-" + sys.argv[3])).touch()
print("running as", role, flush=True)
signal.pause() if role != "deaf" else [signal.pause() for _ in range(1000)]
"""

LAUNCHER = """
import asyncio, pathlib, sys
from wod_demo.supervisor import Service, Supervisor
async def main():
    folder = pathlib.Path(sys.argv[1])
    supervisor = Supervisor(folder)
    command = [sys.executable, "-c", sys.argv[2], "deaf", str(folder), "one"]
    supervisor.start([Service("one", command, {}, folder)])
    while supervisor.pid("one") is None or not (folder / "up-one").exists():
        await asyncio.sleep(0.02)
    (folder / "pid").write_text(str(supervisor.pid("one")))
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:  # poll: with a deadline
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        await asyncio.sleep(0.02)


def service(folder: Path, role: str, name: str = "one", layer: int = 0) -> Service:
    return Service(name, [sys.executable, "-c", PROGRAM, role, str(folder), name], {}, folder, layer=layer)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    await supervisor.stop(1.0)


async def test_a_killed_service_comes_back(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([service(tmp_path, "plain")])
    await until((tmp_path / "up-one").exists)
    first = supervisor.pid("one")
    supervisor.kill("one")
    await until(lambda: supervisor.pid("one") not in {None, first})
    assert supervisor.deaths["one"] == 1
    assert first is not None
    assert not alive(first)


async def test_a_service_that_always_fails_is_started_ever_more_slowly(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([Service("one", [sys.executable, "-S", "-c", "raise SystemExit(3)"], {}, tmp_path)])
    began = time.monotonic()
    await until(lambda: supervisor.deaths["one"] == 3)
    assert time.monotonic() - began > 0.3 + 0.6


async def test_services_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    supervisor.start(service(tmp_path, "polite", name, layer) for layer, name in enumerate(names))
    await until(lambda: all((tmp_path / f"up-{name}").exists() for name in names))
    await supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["c", "b", "a"]


async def test_who_ignores_the_request_is_killed_in_time(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([service(tmp_path, "deaf")])
    await until((tmp_path / "up-one").exists)
    pid = supervisor.pid("one")
    assert pid is not None
    await supervisor.stop(0.5)
    assert not alive(pid)


async def test_a_hurried_stop_does_not_wait(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([service(tmp_path, "deaf")])
    await until((tmp_path / "up-one").exists)
    supervisor.hurry.set()
    began = time.monotonic()
    await supervisor.stop(60.0)
    assert time.monotonic() - began < 10


async def test_stopping_ends_what_a_service_left_in_its_session(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([service(tmp_path, "family")])
    await until((tmp_path / "up-one").exists)
    child = int((tmp_path / "child").read_text())
    assert alive(child)
    await supervisor.stop()
    await until(lambda: not alive(child))


async def test_nothing_outlives_a_killed_launcher(tmp_path: Path) -> None:
    launcher = await asyncio.create_subprocess_exec(sys.executable, "-c", LAUNCHER, str(tmp_path), PROGRAM)
    await until((tmp_path / "pid").exists)
    await until((tmp_path / "pid").read_text)
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    launcher.kill()
    await launcher.wait()
    await until(lambda: not alive(pid))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a uid away")
async def test_a_service_with_a_uid_is_tied_to_the_launcher_too(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([Service("one", ["sleep", "600"], {"PATH": os.environ["PATH"]}, tmp_path, uid=65_534)])
    await until(lambda: supervisor.pid("one") and psutil.Process(supervisor.pid("one")).name() == "sleep")
    process = psutil.Process(supervisor.pid("one"))
    assert process.uids().real == 65_534
    assert process.gids().real == 65_534


async def test_a_log_keeps_what_the_service_says(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([service(tmp_path, "plain")])
    await until((tmp_path / "up-one").exists)
    await until(lambda: "running as plain" in (tmp_path / "one.log").read_text())
