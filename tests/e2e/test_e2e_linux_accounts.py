"""Seats that are Linux accounts, with PAM, each verb through SMTP; seen from outside the platform."""

import os
import pwd
import shutil
import smtplib
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import httpx
import pamela
import psutil
import pytest
from visitor import Platform, until

from wod_demo.settings import HOST, DemoSettings, Ports
from wod_demo.stack import Stack
from wod_jupyterhub.testing import Browser as Student
from wod_jupyterhub.testing import run_cell

ROOT = Path(__file__).parents[2]
WORKSHOP = "WKSHP-Accounts"
#: Numbers and uids that nobody's own accounts have.
FIRST, LAST = 981, 986
UID_BASE = 2_345_000
NAMES = [f"student{number}" for number in range(FIRST, LAST + 1)]
TRACES = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: real Linux accounts, which were NOT tried"),
    pytest.mark.timeout(300),
]


def _tool(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def accounts() -> Iterator[None]:
    """None of these before, none afterwards."""
    taken = [name for name in NAMES if _tool("getent", "passwd", name).returncode == 0]
    if taken:
        pytest.skip(f"this machine has {', '.join(taken)}: Linux accounts were NOT tried")
    yield
    for name in NAMES:
        _tool("pkill", "-KILL", "-u", name)
        _tool("userdel", name)
        _tool("groupdel", name)


@pytest.fixture(scope="module")
async def linux_platform(accounts: None, open_folder: Path) -> AsyncIterator[Platform]:
    content = open_folder / "accounts"
    shutil.copytree(ROOT / "notebooks" / "WKSHP-Jupyter101", content / WORKSHOP)
    metadata = content / WORKSHOP / "wod.yml"
    changed = {"range": f"[{FIRST}, {LAST}]", "reset": "true", "capacity": str(len(NAMES))}
    lines = (
        f"{key}: {changed[key]}" if (key := line.split(":")[0]) in changed else line
        for line in metadata.read_text().splitlines()
    )
    metadata.write_text("\n".join(lines) + "\n")
    settings = DemoSettings(
        open_folder / "linux", notebooks=(content,), seats=LAST, ports=Ports.free(),
        legacy_peers=HOST, allow_loopback_peers="true",
        overrides={
            "agent": {"WOD_AGENT_ACCOUNTS": "linux", "WOD_AGENT_UID_BASE": str(UID_BASE)},
            "hub": {"WOD_HUB_ACCOUNTS": "linux"},
        },
    )  # fmt: skip
    stack = Stack(settings)
    try:
        await stack.start()
        if not stack.isolated:
            pytest.skip("other accounts cannot reach this interpreter: Linux accounts were NOT tried")
        platform = Platform(stack)
        yield platform
        await platform.close()
    finally:
        await stack.stop()


@dataclass
class Holder:
    """Somebody in a lab."""

    platform: Platform
    token: str
    open: AsyncExitStack
    username: str
    password: str

    @property
    def number(self) -> int:
        return int(self.username.removeprefix("student"))

    @property
    def uid(self) -> int:
        return UID_BASE + self.number

    @property
    def home(self) -> Path:
        return self.platform.home(self.username)

    @property
    def registration(self) -> str:
        return self.token.split("-")[0]

    async def sign_in(self) -> Student:
        student = await self.tries_to_sign_in(httpx.codes.FOUND)
        await until(lambda: _answers(student), "the student's server")
        return student

    async def tries_to_sign_in(self, expected: httpx.codes) -> Student:
        student = Student(self.platform.urls["hub"], self.username)
        self.open.push_async_callback(student.close)
        assert (await student.sign_in(self.password)).status_code == expected
        return student

    def runs(self, script: str) -> "subprocess.Popen[bytes]":
        started = subprocess.Popen(["/bin/bash", "-c", script], user=self.uid, extra_groups=[], cwd="/")
        self.open.callback(started.wait)
        self.open.callback(started.kill)
        return started

    def processes(self) -> list[psutil.Process]:
        found = psutil.process_iter(["uids", "cmdline", "status"])
        return [
            one for one in found if self.uid in (one.info["uids"] or ()) and one.info["status"] != psutil.STATUS_ZOMBIE
        ]


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def _holder(platform: Platform, email: str, opened: AsyncExitStack) -> Holder:
    token = await platform.register(WORKSHOP, email)
    await platform.in_state(token, "running")
    return Holder(platform, token, opened, *await platform.credentials(email))


def pam_lets_in(username: str, password: str) -> bool:
    try:
        pamela.authenticate(username, password)  # type: ignore[no-untyped-call]
    except pamela.PAMError:
        return False
    return True


async def test_a_lab_is_an_account_with_its_own_processes_until_its_end(
    linux_platform: Platform, opened: AsyncExitStack
) -> None:
    ada = await _holder(linux_platform, "ada@example.org", opened)
    entry = _tool("getent", "passwd", ada.username).stdout.strip().split(":")
    assert entry[2] == str(ada.uid)
    assert entry[5:] == [str(ada.home), "/bin/bash"]
    assert _tool("id", "-gn", ada.username).stdout.strip() == ada.username
    assert {path.lstat().st_uid for path in (ada.home, *ada.home.rglob("*"))} == {ada.uid}
    assert ada.home.stat().st_mode & 0o777 == 0o700
    assert (ada.home / ".ssh/id_ed25519").stat().st_mode & 0o777 == 0o600
    assert pam_lets_in(ada.username, ada.password)
    assert not pam_lets_in(ada.username, "another")

    student = await ada.sign_in()
    who = await run_cell(
        await student.open_kernel(), "import os, pwd; print(pwd.getpwuid(os.getuid()), os.getgroups())"
    )
    assert f"pw_name='{ada.username}'" in who
    assert f"[{pwd.getpwnam(ada.username).pw_gid}]" in who
    minted = await student.call("POST", f"/hub/api/users/{ada.username}/tokens", json={})
    assert minted.status_code == httpx.codes.FORBIDDEN

    await linux_platform.end(ada.token)
    await linux_platform.cleaned(ada.token)
    assert await linux_platform.seat_state(ada.username) == "free"
    commands = await linux_platform.operator("commands", registration_id=ada.registration)
    states = {one["verb"]: one["state"] for one in commands if str(one["registration_id"]) == ada.registration}
    assert states == dict.fromkeys(("CREATE", "CLEANUP", "RESET", "PURGE"), "done")
    await _gone(ada, student)


@pytest.mark.parametrize("verb", ["CLEANUP", "RESET", "PURGE", "DELETE"])
async def test_a_verb_alone_closes_the_account_and_keeps_it(
    linux_platform: Platform, opened: AsyncExitStack, verb: str
) -> None:
    holder = await _holder(linux_platform, f"{verb.lower()}@example.org", opened)
    student = await holder.sign_in()
    forking = holder.runs("while true; do (sleep 30 &) ; sleep 0.05; done")
    for place in TRACES:
        left = place / f"{verb}-left"
        script = f"mkdir -p {left}/deep && echo x > {left}/deep/x && ln -s / {place}/{verb}-link"
        assert holder.runs(script).wait(30) == 0
    assert len(holder.processes()) > 2

    known = await _commands(linux_platform)
    _mail(linux_platform, f"{verb} {holder.number} {holder.registration}")
    await until(lambda: _done(linux_platform, verb, known), f"the end of {verb}")
    await _gone(holder, student)
    assert forking.wait(30) < 0
    assert [path for place in TRACES for path in place.glob(f"{verb}-*")] == []
    assert Path("/bin/sh").exists()
    await linux_platform.end(holder.token)
    await linux_platform.cleaned(holder.token)


async def _gone(holder: Holder, student: Student) -> None:
    """Nothing of the holder's works or is there; the account is."""
    assert not pam_lets_in(holder.username, holder.password)
    assert holder.processes() == []
    assert list(holder.home.iterdir()) == []
    assert holder.home.stat().st_uid == holder.uid
    assert pwd.getpwnam(holder.username).pw_uid == holder.uid
    assert (await student.open_lab()).url.path == "/hub/login"
    await holder.tries_to_sign_in(httpx.codes.FORBIDDEN)


async def _answers(student: Student) -> httpx.Response | None:
    answer = await student.open_lab()
    return answer if answer.status_code == httpx.codes.OK and "/lab" in answer.url.path else None


def _mail(platform: Platform, subject: str) -> None:
    """As an operator's script does it; a listed peer's command bears no signature."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "operator@localhost", "wodadmin@localhost", subject
    message.set_content(f"{WORKSHOP}\n")
    with smtplib.SMTP(HOST, platform.stack.settings.ports.mailgate, timeout=30) as gate:
        gate.send_message(message)


async def _commands(platform: Platform) -> dict[str, tuple[str, str]]:
    """What the agent says of each of its commands: verb and state."""
    headers = {"Authorization": f"Bearer {platform.stack.state.secrets().agent_token}"}
    answer = await platform.http.get(f"{platform.urls['agent']}/commands", headers=headers)
    return {one["command"]["id"]: (one["command"]["verb"], one["state"]) for one in answer.json()}


async def _done(platform: Platform, verb: str, known: dict[str, tuple[str, str]]) -> bool | None:
    now = await _commands(platform)
    fresh = [state for identity, (name, state) in now.items() if identity not in known and name == verb]
    assert "failed" not in fresh
    return True if fresh == ["done"] else None
