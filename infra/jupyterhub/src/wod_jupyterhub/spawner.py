"""A seat's JupyterLab: a process of the seat's own uid in the seat's folder."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import can_connect
from tornado.web import HTTPError
from traitlets import Instance, Integer, Unicode

from wod_jupyterhub.confinement import Confinement
from wod_jupyterhub.limits import Exceeded, Limits
from wod_jupyterhub.processors import Processors

# more at once make each of them slower and none of them earlier
_starting = asyncio.Semaphore(2 * (os.cpu_count() or 1))
PATIENCE = 0.05  # seconds between two looks at a starting server
END_LIMIT = 5.0  # seconds for killed processes to be gone
EXCEEDED = 137  # the exit code of who was killed
FIRST_TO_GO = "500"  # see oom_score_adj in proc(5)


class SeatSpawner(LocalProcessSpawner):
    """Starts beyond twice the cores wait in line; ``start_timeout`` holds that time too."""

    homes = Unicode(config=True)
    logs = Unicode(config=True)
    uid_base = Integer(0, config=True)
    processes = Integer(0, config=True)
    memory = Integer(0, config=True)
    disk = Integer(0, config=True)
    files = Integer(0, config=True)
    processors = Instance(Processors, allow_none=True, config=True)

    _begun = 0.0
    _group: int | None = None
    #: time.monotonic(); the hub asks for much else than the limits
    _measured_next = 0.0

    @property
    def home(self) -> Path:
        return Path(self.homes, self.user.name)

    @property
    def uid(self) -> int | None:
        """None where seats share the hub's account."""
        return self.uid_base + int(self.user.name.removeprefix("student")) if self.uid_base else None

    def identity(self) -> dict[str, Any]:
        """Popen's arguments for whom the server runs as."""
        return {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Seats have no entry in the password database to read these from."""
        path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
        return env | {
            "HOME": str(self.home),
            "USER": self.user.name,
            "LOGNAME": self.user.name,
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "PATH": path,
            "LAB_PROGRAMS": str(Path(sys.executable).parent),
        }

    def make_preexec_fn(self, name: str) -> Confinement:
        processes = self.processes if self.uid else 0
        return Confinement(processes=processes, memory=self.memory, disk=self.disk, group=self._group)

    async def poll(self) -> int | None:
        """The hub asks every ``poll_interval``, also for servers that it has found running when it started."""
        status: int | None = await super().poll()
        if status is not None or not self.pid or time.monotonic() < self._measured_next:
            return status
        try:
            await self._measure()
        except Exceeded as exceeded:
            self.log.warning("the server of %s is ended: %s", self.user.name, exceeded)
            await self._kill(self._descendants())
            return EXCEEDED
        return None

    async def start(self) -> tuple[str, int]:
        """Raises HTTPError with what to do; JupyterHub shows it to the student and to the agent."""
        if self.home.is_symlink() or not self.home.is_dir():
            raise HTTPError(
                HTTPStatus.CONFLICT, f"The seat {self.user.name} has no home: no workshop is prepared in it."
            )
        try:
            await self._measure()
        except Exceeded as exceeded:
            raise HTTPError(
                HTTPStatus.CONFLICT,
                f"The seat {self.user.name} is over its limits: {exceeded}. Its workshop's staff can reset it.",
            ) from exceeded
        self.notebook_dir = str(self.home)
        async with _starting:
            address = await self._launch()
            await self._until_it_listens(address)
        return address

    async def stop(self, now: bool = False) -> None:
        """Ends the server and whatever else the seat has started."""
        started = self._descendants()
        await super().stop(now)
        await self._kill(started)

    def get_state(self) -> dict[str, object]:
        state: dict[str, object] = super().get_state()
        return state | {"begun": self._begun} if self.pid else state

    def load_state(self, state: dict[str, object]) -> None:
        """After a crash of the machine the pid may be another's, who must not be signalled in the seat's place."""
        super().load_state(state)
        if self.pid and _begin_of(self.pid) != state.get("begun"):
            self.pid = 0

    async def _measure(self) -> None:
        """Raises Exceeded."""
        began = time.monotonic()
        # by the time it is over the hub may have asked again
        self._measured_next = began + END_LIMIT + self.poll_interval
        limits = Limits(memory=self.memory, disk=self.disk, files=self.files)
        await asyncio.to_thread(limits.check, self.home, self.uid)
        took = time.monotonic() - began
        self._measured_next = began + max(self.poll_interval / 2, 10 * took)

    async def _kill(self, started: list[psutil.Process]) -> None:
        if self.uid:
            await asyncio.to_thread(_kill_all_of, self.uid)
        else:
            await asyncio.to_thread(_kill, [*started, *_itself(self.pid)])

    async def _launch(self) -> tuple[str, int]:
        log = Path(self.logs) / f"{self.user.name}.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        with log.open("wb") as output, self._in_its_group():
            self.popen_kwargs = {
                "cwd": self.home,
                "umask": 0o077,
                "stdin": subprocess.DEVNULL,
                "stdout": output,
                "stderr": output,
            }
            self.popen_kwargs |= self.identity()
            address: tuple[str, int] = await super().start()
        self._begun = _begin_of(self.pid)
        # where the machine's memory ends, students' servers end before the platform does
        _offer_to_oom_killer(self.pid)
        return address

    @contextmanager
    def _in_its_group(self) -> Iterator[None]:
        """A group that cannot be had is said; the server starts all the same."""
        if self.processors is None:
            yield
            return
        with ExitStack() as stack:
            try:
                self._group = stack.enter_context(self.processors.of(self.user.name))
                yield
            finally:
                self._group = None
        if not self.processors.hold(self.user.name, self.pid):
            self.log.warning("the processors that %s takes are NOT bounded", self.user.name)

    async def _until_it_listens(self, address: tuple[str, int]) -> None:
        while not can_connect(*address):
            if await self.poll() is not None:
                raise HTTPError(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    f"JupyterLab of {self.user.name} ended while it started; "
                    f"its last words are in logs/{self.user.name}.log of the hub's state folder.",
                )
            await asyncio.sleep(PATIENCE)

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True) if self.pid else []
        except psutil.NoSuchProcess:
            return []


def _offer_to_oom_killer(pid: int) -> None:
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(FIRST_TO_GO)


def _begin_of(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def _itself(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid)] if pid else []
    except psutil.NoSuchProcess:
        return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=END_LIMIT)


def _kill_all_of(uid: int) -> None:
    """In one system call, from within the uid: a process that forks without end cannot slip through."""
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import os; os.kill(-1, 9)"],
        user=uid, group=uid, extra_groups=[], cwd="/", env={}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False, timeout=END_LIMIT,
    )  # fmt: skip
