"""Seats on another host, by ssh: sshd in a mount namespace, so that its homes and its accounts are not the agent's."""

import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from trees_location import HOST, PASSWORD, Location

from wod_backend_agent.accounts import LinuxAccounts
from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Seat

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin")
pytestmark = [
    pytest.mark.skipif(SSHD is None, reason="no sshd on this machine: seats on another host were NOT tried"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: seats on another host were NOT tried"),
]
NUMBER, UID = 971003, 2_346_003
DEADLINE_SECONDS = 60.0
ACCOUNTS = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")


class RemoteHost:
    """Its ``/etc`` is a copy and its homes are in memory; everything else is this machine's."""

    python = "/usr/bin/python3"

    def __init__(self, folder: Path, homes: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)
        for name in ("host", "agent"):
            key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(key, check=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        public = (folder / "host.pub").read_text()
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} {public}")
        (folder / "sshd.conf").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder / 'agent.pub'}\nStrictModes no\nPasswordAuthentication no\n"
        )
        self._copy_accounts(folder / "etc")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        own = f"mount --bind {folder / 'etc'} /etc && mount -t tmpfs none {homes}"
        started = f"{own} && exec {SSHD} -D -q -f {folder / 'sshd.conf'}"
        self._process = subprocess.Popen(["unshare", "--mount", "sh", "-c", started], start_new_session=True)
        self._until_it_answers()

    @staticmethod
    def _copy_accounts(etc: Path) -> None:
        """And what programs read before they begin."""
        (etc / "default").mkdir(parents=True)
        for name in (*ACCOUNTS, "default/useradd", "login.defs", "nsswitch.conf", "ld.so.cache"):
            with suppress(FileNotFoundError):
                shutil.copy2(Path("/etc", name), etc / name)

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self.run("true").returncode:
            assert self._process.poll() is None, "sshd did not start"
            assert time.monotonic() < deadline, "sshd does not answer"
            time.sleep(0.05)  # poll: sshd makes no sign

    @property
    def options(self) -> list[str]:
        return ["-o", f"UserKnownHostsFile={self._folder / 'known'}", "-o", "ControlMaster=no"]

    @property
    def line(self) -> str:
        """Of the overlay's inventory."""
        return (
            f"{HOST} ansible_host=127.0.0.1 ansible_port={self.port} ansible_user=root "
            # a shell by ssh may find others first
            f"ansible_python_interpreter={self.python} "
            f"ansible_ssh_private_key_file={self._folder / 'agent'} "
            f"ansible_ssh_common_args='{shlex.join(self.options)}'\n"
        )

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        reached = ["-o", "BatchMode=yes", "-i", str(self._folder / "agent"), "-p", str(self.port), "root@127.0.0.1"]
        return subprocess.run(
            ["ssh", *self.options, *reached, command], capture_output=True, text=True, check=False, timeout=30
        )

    def says(self, command: str) -> str:
        return self.run(command).stdout.strip()

    def become_another(self) -> str:
        """For the agent: the key that it knows the host by is none of this host's. Returns what it knew."""
        known, fresh = self._folder / "known", (self._folder / "agent.pub").read_text()
        before = known.read_text()
        known.write_text(f"[127.0.0.1]:{self.port} {fresh}")
        return before

    def become_itself(self, known: str) -> None:
        (self._folder / "known").write_text(known)

    def close(self) -> None:
        """With it goes its namespace, and all that is mounted there."""
        os.killpg(self._process.pid, 9)
        self._process.wait()


@pytest.fixture
def location(tmp_path: Path) -> Location:
    location = Location(tmp_path)
    location.seat = Seat(NUMBER, location.homes / f"student{NUMBER}", UID)
    location.write("wod.yml", "%YAML 1.1\n---\nrange: [1, 9]\n")
    location.write("a.sh", "{{ STDID }} on {{ WODBEFQDN }}\n")
    return location


@pytest.fixture
def remote(tmp_path: Path, location: Location) -> Iterator[RemoteHost]:
    host = RemoteHost(tmp_path / "remote", location.homes)
    location.overlay("inventory", f"[production]\n{host.line}")
    yield host
    host.close()


def delivery_to(location: Location) -> AnsibleDelivery:
    return AnsibleDelivery(
        trees=location.trees,
        homes=location.homes,
        runs=location.runs,
        delivered=location.results,
        variables={"WODBEFQDN": HOST},
        accounts=LinuxAccounts(),
    )


async def test_a_seat_on_another_host_is_made_measured_looked_at_and_taken_back(
    location: Location, remote: RemoteHost
) -> None:
    home, account = location.seat.home, location.seat.username
    async with aclosing(delivery_to(location)) as delivery:
        deployment = Deployment(uuid4(), location.seat, "WKSHP-Small", 1, SecretStr(PASSWORD))
        await delivery.create(deployment, lambda _step: None)
        assert remote.says(f"cat {home}/WKSHP-Small/a.sh") == f"{NUMBER} on {HOST}"
        assert remote.says(f"id -u {account}; stat -c %u {home}/WKSHP-Small/a.sh") == f"{UID}\n{UID}"
        assert remote.says(f"getent shadow {account}").split(":")[1].startswith("$6$")
        # nothing of it is here
        assert list(location.homes.iterdir()) == []
        assert f"{account}:" not in Path("/etc/passwd").read_text()
        assert await delivery.measure(uuid4(), location.seat, "WKSHP-Small") is None
        remote.run(f"setsid setpriv --reuid {UID} --clear-groups sleep 600 >/dev/null 2>&1 &")
        found = await delivery.inspect(uuid4(), location.seat)
        assert "WKSHP-Small/a.sh" in found.files
        assert found.processes == 1
        await delivery.lock(uuid4(), location.seat)
        assert remote.says(f"getent shadow {account}").split(":")[1] == "!"
        # one that has ended, and that nobody has looked after yet, is none
        assert remote.says(f"ps -o stat= -u {UID} | grep -v '^Z'; ls {home}") == "WKSHP-Small"
        await delivery.clean(uuid4(), location.seat)
        assert remote.says(f"ls -A {home}") == ""


async def test_a_host_that_cannot_be_used_is_told_with_the_reason(location: Location, remote: RemoteHost) -> None:
    python, known = remote.python, remote.become_another()
    failed = await failure(location)
    assert f"{HOST} cannot be reached by ssh" in failed
    assert "known_hosts" in failed
    # only now: Ansible keeps a connection that it has
    remote.become_itself(known)
    location.overlay("inventory", f"[production]\n{remote.line.replace(python, '/no/python')}")
    assert "/no/python" in await failure(location)


async def failure(location: Location) -> str:
    async with aclosing(delivery_to(location)) as delivery:
        deployment = Deployment(uuid4(), location.seat, "WKSHP-Small", 1, SecretStr(PASSWORD))
        with pytest.raises(DeliveryFailed) as failed:
            await delivery.create(deployment, lambda _step: None)
    return str(failed.value)
