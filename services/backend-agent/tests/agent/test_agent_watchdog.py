"""What runs in the seats and should not: real processes with the seats' uids; shares of a processor are given, not waited for."""

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import psutil
import pytest
from agent_doubles import Agent, CollectingIncidents, ObedientHub, a_command, running_agent, settings_for, until

from wod_backend_agent.journal import Journal
from wod_backend_agent.watchdog.incidents import IncidentBox
from wod_backend_agent.watchdog.looking import Running, Seats
from wod_backend_agent.watchdog.rounds import QUIET_SECONDS, Rules, Watchdog
from wod_backend_agent.watchdog.rules import Programs, Sessions, Shares
from wod_common.commands import Command, Verb
from wod_common.incidents import IncidentKind

#: beside another run of these tests on the same machine
UID_BASE = 1_000_000 + 100 * os.getpid()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="processes of the seats' uids need root")


class Students:
    """What students start: each with the uid of the seat, out of its process group, as a shell's ``setsid`` has it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.homes, self._programs = folder / "homes", programs
        self.started: list[subprocess.Popen[bytes]] = []

    def home(self, student: int, homes: Path | None = None) -> Path:
        home = (homes or self.homes) / f"student{student}"
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, UID_BASE + student, UID_BASE + student)
        return home

    def start(self, student: int, program: str = "sleep", home: Path | None = None) -> subprocess.Popen[bytes]:
        uid, home = UID_BASE + student, home or self.home(student)
        executable = self._programs / program
        if not executable.exists():
            shutil.copy("/bin/sleep", executable)
        process = subprocess.Popen(
            [str(executable), "600"], user=uid, group=uid, extra_groups=[], cwd="/", env={"HOME": str(home)},
            start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process


@pytest.fixture
def students(tmp_path: Path) -> Iterator[Students]:
    # pytest's own folders are closed to the seats' uids
    with tempfile.TemporaryDirectory() as programs:
        Path(programs).chmod(0o755)
        students = Students(tmp_path, Path(programs))
        yield students
        for process in students.started:
            process.kill()
            process.wait()


@asynccontextmanager
async def watched(folder: Path, mode: str = "on", programs: str = "xmrig") -> AsyncIterator[Agent]:
    async with running_agent(
        folder, uid_base=UID_BASE, watchdog_seconds=0.02, watchdog=mode, watchdog_programs=programs
    ) as agent:
        yield agent


def ended(process: subprocess.Popen[bytes]) -> Callable[[], bool]:
    return lambda: process.poll() is not None


@as_root
async def test_a_program_that_is_not_allowed_is_ended_and_told_of_and_its_neighbours_are_left(
    tmp_path: Path, students: Students
) -> None:
    async with watched(tmp_path) as agent:
        await agent.do(a_command(registration=41))
        neighbour, miner = students.start(7), students.start(7, "XMRig")
        await until(lambda: len(agent.incidents.told) > 0)
        assert ended(miner)()
        assert not ended(neighbour)()
        [told] = agent.incidents.told
        assert (told.kind, told.student, told.registration) == (IncidentKind.PROGRAM, 7, 41)
        assert (told.program, told.processes, told.ended) == ("XMRig", 1, True)


@as_root
async def test_a_dry_run_tells_once_and_ends_nothing(tmp_path: Path, students: Students) -> None:
    async with watched(tmp_path, "dry-run", "sleep,miner*") as agent:
        await agent.do(a_command())
        process = students.start(7)
        await until(lambda: len(agent.incidents.told) > 0)
        # a second one later shows that rounds went on meanwhile
        await agent.do(a_command(student=8))
        students.start(8, "miner-2")
        await until(lambda: len(agent.incidents.told) > 1)
        assert [(told.student, told.ended) for told in agent.incidents.told] == [(7, False), (8, False)]
        assert not ended(process)()


@as_root
async def test_what_is_left_in_a_seat_that_is_free_is_ended_also_outside_its_process_group(
    tmp_path: Path, students: Students
) -> None:
    async with watched(tmp_path) as agent:
        await agent.do(a_command(registration=41))
        students.home(7)
        await agent.do(a_command(Verb.CLEANUP, registration=41, order=(1, 2)))
        left = students.start(7)
        await until(ended(left))
        await until(lambda: len(agent.incidents.told) > 0)
        [told] = agent.incidents.told
        assert (told.kind, told.registration, told.program) == (IncidentKind.LEFTOVER, 41, "sleep")


@as_root
async def test_a_seat_that_a_command_works_on_is_left_to_it(tmp_path: Path, students: Students) -> None:
    async with watched(tmp_path) as agent:
        agent.delivery.held.add(7)
        await agent.send(a_command(student=7))
        await until(lambda: agent.delivery.running == 1)
        of_the_command, left = students.start(7), students.start(8)
        await until(ended(left))
        assert not ended(of_the_command)()


@as_root
async def test_the_same_uid_in_a_home_of_another_installation_is_its_own_affair(
    tmp_path: Path, students: Students
) -> None:
    other = tmp_path / "other"
    async with watched(tmp_path) as agent:
        students.home(7)
        theirs = students.start(7, home=students.home(7, other))
        left = students.start(8)
        await until(ended(left))
        assert not ended(theirs)()
        # one that a student has made for himself hides nothing
        pretended = students.home(7, students.home(7, tmp_path / "made"))
        assert await told_of(agent, students.start(7, home=pretended))


async def told_of(agent: Agent, process: subprocess.Popen[bytes]) -> bool:
    await until(ended(process))
    await until(lambda: any(told.student == 7 for told in agent.incidents.told))
    return True


@as_root
async def test_an_incident_is_told_by_the_next_agent_where_the_api_db_was_away(
    tmp_path: Path, students: Students
) -> None:
    async with watched(tmp_path) as first:
        first.incidents.away = True
        await until(ended(students.start(7)))
        await until(lambda: kept(first.folder))
    async with running_agent(tmp_path) as second:
        await until(lambda: len(second.incidents.told) == 1)
        await until(lambda: not kept(second.folder))


def kept(folder: Path) -> bool:
    with sqlite3.connect(folder / "state/journal.sqlite") as journal:
        return bool(journal.execute("SELECT 1 FROM incidents").fetchone())


@as_root
def test_a_uid_without_the_seats_home_is_somebody_elses(tmp_path: Path, students: Students) -> None:
    settings = settings_for(tmp_path, uid_base=UID_BASE)
    process = students.start(7, home=tmp_path)
    seats = Seats(20, settings.seat, UID_BASE)
    assert process.pid not in {one.pid for one in seats.look()}
    students.home(7)
    assert process.pid in {one.pid for one in seats.look()}


def test_where_seats_share_an_account_the_hub_has_said_whose_it_is(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    its = {"JUPYTERHUB_USER": "student17", "HOME": str(settings.seat(17).home)}
    processes = [
        subprocess.Popen(["/bin/sleep", "600"], env=environment)
        for environment in (its, its | {"HOME": "/elsewhere"}, its | {"JUPYTERHUB_USER": "student99"})
    ]
    try:
        found = {one.pid: one for one in Seats(20, settings.seat).look()}
        assert [found[one.pid].student if one.pid in found else None for one in processes] == [17, None, None]
        # what a program is given to read is no name of it
        assert found[processes[0].pid].names == ("sleep",)
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Idle:
    """A scheduler with nothing to do."""

    def concerns(self, student: int) -> bool:
        return False

    def reserved(self, student: int) -> AbstractContextManager[bool]:
        return nullcontext(enter_result=True)


class Rounds:
    """A watchdog whose looks and clock are the test's."""

    def __init__(self, folder: Path, rules: Rules) -> None:
        self.now, self.running = 0.0, list[Running]()
        self.hub, self.taker = ObedientHub(), CollectingIncidents()
        self.journal = Journal(folder / "journal.sqlite", lambda _: None)
        self.box = IncidentBox(self.journal, self.taker)
        self.watchdog = Watchdog(
            journal=self.journal,
            scheduler=Idle(),  # type: ignore[arg-type]
            hub=self.hub,
            incidents=self.box,
            seat=settings_for(folder).seat,
            look=lambda: [one for one in self.running if psutil.pid_exists(one.pid)],
            rules=rules,
            interval=3600,
            clock=lambda: self.now,
        )

    async def let_in(self, command: Command) -> None:
        await self.journal.accept(command, None)
        await self.journal.finish_create(command, "a hash", 1)

    async def kinds(self) -> list[IncidentKind]:
        found = []
        while incident := await self.journal.next_incident():
            found.append(incident.kind)
            await self.journal.forget_incident(incident.id)
        return found


def asleep() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "600"])


def busy(pid: int, cpu: float, *names: str, begun: float = 1.0) -> Running:
    return Running(7, pid, begun, names or ("python3",), cpu)


def rules(**changes: object) -> Rules:
    parts = {"programs": Programs(()), "shares": Shares(98, 300), "sessions": Sessions(900)}
    return Rules(**(parts | changes))  # type: ignore[arg-type]


async def test_who_keeps_a_processor_busy_for_too_long_is_ended(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, rules())
    await rounds.let_in(a_command())
    process = asleep()
    begun = psutil.Process(process.pid).create_time()
    try:
        for rounds.now in range(0, 301, 60):
            assert process.poll() is None
            rounds.running = [busy(process.pid, float(rounds.now), begun=begun)]
            await rounds.watchdog.go_round()
        assert process.wait() == -9
        assert await rounds.kinds() == [IncidentKind.CPU]
    finally:
        process.kill()
        rounds.journal.close()


def test_a_share_counts_only_on_end_and_not_for_who_is_allowed() -> None:
    shares = Shares(98, 300, ["mpirun"])
    for now in range(0, 241, 60):
        assert shares.broken_by([busy(1, now), busy(2, now, "mpirun"), busy(3, now / 2)], now) == []
    # a pause, then on as before: the time begins anew
    shares.broken_by([busy(1, 240), busy(2, 300, "mpirun"), busy(3, 150)], 300)
    assert shares.broken_by([busy(1, 300), busy(2, 360, "mpirun"), busy(3, 180)], 360) == []
    for now in range(420, 601, 60):
        broken = shares.broken_by([busy(1, now - 60), busy(2, now, "mpirun"), busy(3, now / 2)], now)
    assert [one.pid for one in broken] == [1]


def test_another_process_with_the_same_number_begins_anew() -> None:
    shares = Shares(98, 60)
    shares.broken_by([busy(1, 0)], 0)
    assert shares.broken_by([busy(1, 90, begun=2.0)], 60) == []


async def test_the_server_of_a_session_that_is_over_is_stopped_where_nobody_says_so(tmp_path: Path) -> None:
    sessions = Sessions(900)
    rounds = Rounds(tmp_path, rules(sessions=sessions))
    try:
        await rounds.let_in(a_command(registration=41))
        rounds.hub.servers.add("student7")
        sessions.learn([(7, 1, 60.0)], 0)
        rounds.now = 960.0
        await rounds.watchdog.go_round()
        assert rounds.hub.calls == []
        rounds.now = 961.0
        await rounds.watchdog.go_round()
        assert rounds.hub.calls == [("stop", "student7")]
        assert await rounds.kinds() == [IncidentKind.OVERTIME]
        # who was let in since is not meant
        await rounds.let_in(a_command(registration=42, order=(2, 1)))
        await rounds.watchdog.go_round()
        assert len(rounds.hub.calls) == 1
    finally:
        rounds.journal.close()


def test_an_extension_that_was_heard_of_counts_and_a_session_that_stays_over_stays_so() -> None:
    sessions = Sessions(900)
    sessions.learn([(7, 1, 60.0), (8, 1, None)], 0)
    sessions.learn([(7, 1, 3600.0)], 50)
    assert sessions.overdue(3000) == {}
    for now in (3700, 3710):
        sessions.learn([(7, 1, 0.0)], now)
    assert sessions.overdue(4601) == {7: 1}
    sessions.learn([], 4602)
    assert sessions.overdue(9999) == {}


async def test_who_starts_it_again_and_again_fills_no_log(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, rules(programs=Programs(("miner",))))
    rounds.watchdog.dry_run = True
    try:
        await rounds.let_in(a_command())
        for pid in (os.getpid(), os.getppid()):
            rounds.running = [busy(pid, 0, "miner")]
            await rounds.watchdog.go_round()
        assert await rounds.kinds() == [IncidentKind.PROGRAM]
        rounds.now = QUIET_SECONDS + 1
        await rounds.watchdog.go_round()
        assert await rounds.kinds() == [IncidentKind.PROGRAM]
    finally:
        rounds.journal.close()


def test_a_script_goes_by_its_own_name_too(tmp_path: Path) -> None:
    script = tmp_path / "miner.sh"
    script.write_text("sleep 600; true")
    named = {"JUPYTERHUB_USER": "student17", "HOME": str(settings_for(tmp_path).seat(17).home)}
    process = subprocess.Popen(["/bin/sh", str(script)], env=named, start_new_session=True)
    try:
        [shell] = [one for one in Seats(20, settings_for(tmp_path).seat).look() if one.pid == process.pid]
        assert Programs(["MINER.*"]).broken_by([shell]) == [shell]
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with what the script has started
        process.wait()


def test_a_name_is_shown_without_what_could_do_harm() -> None:
    assert busy(1, 0, "\x1b[31mmi\nner" + "x" * 80).program == "?[31mmi?ner" + "x" * 53
