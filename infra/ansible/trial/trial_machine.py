"""A bare Debian with its own systemd, in namespaces of this machine: nothing that is installed in it reaches the host.

It needs root, debootstrap for the root file system (kept, and only read from then on), unshare and nsenter, and
slirp4netns for a network of its own, in which it has all ports for itself.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).parent
RELEASE = "bookworm"
#: What makes a root file system a machine. All else is the playbooks' to bring: any Debian that is installed has more.
PACKAGES = "ca-certificates,dbus,systemd,systemd-sysv"
ARCHIVE = "http://deb.debian.org"
SOURCES = (
    f"deb {ARCHIVE}/debian {RELEASE} main\ndeb {ARCHIVE}/debian {RELEASE}-updates main\n"
    f"deb {ARCHIVE}/debian-security {RELEASE}-security main\n"
)
PROGRAMS = {
    "debootstrap": "debootstrap",
    "slirp4netns": "slirp4netns",
    "unshare": "util-linux",
    "nsenter": "util-linux",
}
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
BOOT_LIMIT = 120.0  # seconds
END_LIMIT = 20.0  # seconds
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Wrong(Exception):
    """What the installation was to show and did not."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def missing() -> list[str]:
    """What has to be there before a machine can be, as an operator would put it."""
    found = [] if os.geteuid() == 0 else ["root"]
    packages = {package for program, package in PROGRAMS.items() if not shutil.which(program)}
    return found + ([f"apt-get install {' '.join(sorted(packages))}"] if packages else [])


def make_base(base: Path) -> None:
    """Once; later machines lie over it. An unfinished one is made anew."""
    if base.is_dir():
        return
    began = time.monotonic()
    partial = base.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(partial), f"{ARCHIVE}/debian"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    partial.rename(base)
    say(f"a bare Debian ({RELEASE}): {time.monotonic() - began:.0f} s")


class Machine:
    """``call`` runs as its root; ``written`` has what differs from the bare root."""

    def __init__(self, room: Path, init: int) -> None:
        self.written = room / "written"
        self.init = init

    def command(self, script: str) -> list[str]:
        inside = ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w"]
        variables = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        return [*inside, "env", "-i", *variables, "bash", "-euo", "pipefail", "-c", script]

    def call(self, script: str, *, log: Path | None = None) -> str:
        """What it prints; it can be followed in the log, where one is given. Raises Wrong with the end of what it printed."""
        with log.open("a+b") if log is not None else tempfile.TemporaryFile() as output:
            output.write(f"$ {script}\n".encode())
            output.flush()
            began = output.tell()
            done = subprocess.run(
                self.command(script), check=False, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            output.seek(began)
            printed = output.read().decode(errors="replace").strip()
        if done.returncode != 0:
            raise Wrong(f"{script}\nended with {done.returncode}:\n{printed[-4000:]}")
        return printed

    def says(self, script: str) -> bool:
        with suppress(Wrong):
            self.call(script)
            return True
        return False


def prepare(room: Path, names: list[str]) -> None:
    """What a machine is given by whoever installs it: its name, the archives, and who vouches for the package index."""
    etc = room / "written/etc"
    (etc / "apt").mkdir(parents=True)
    (etc / "hostname").write_text("trial\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost trial\n127.0.0.1 {' '.join(names)}\n")
    (etc / "resolv.conf").write_text("nameserver 10.0.2.3\n")
    (etc / "apt/sources.list").write_text(SOURCES)
    (etc / "machine-id").write_text("")
    # where the caller's network has an index of its own; none is named here
    index = os.environ.get("PIP_INDEX_URL")
    lines = ["[global]", "timeout = 120", *([f"index-url = {index}"] if index else [])]
    if AUTHORITIES.is_file():
        # a network may have certificates of its own, which the bare root cannot know
        shutil.copyfile(AUTHORITIES, etc / "trial-authorities.pem")
        lines.append("cert = /etc/trial-authorities.pem")
    (etc / "pip.conf").write_text("\n".join(lines) + "\n")


@contextmanager
def booted(base: Path, room: Path, beside: Machine | None = None) -> Iterator[Machine]:
    """Ends with all its processes. ``room`` is prepared, and stays for whoever wants to look.

    A machine ``beside`` another one has that one's network, and its addresses.
    """
    own = f"wod-trial-{os.getpid()}-{room.name}"
    network_of = ["nsenter", "-t", str(beside.init), "-n"] if beside else []
    namespaces = [*network_of, "unshare", "-m", "-p", "-u", "-i", "-C", "--fork", "--kill-child"]
    namespaces += [] if beside else ["-n"]
    joined = ["sh", "-c", JOIN, own, *namespaces, "sh", str(HERE / "boot.sh"), str(base), str(room)]
    cable = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback"]
    log = (room / "boot.log").open("ab")
    nothing = subprocess.DEVNULL
    holder = subprocess.Popen(joined, stdin=nothing, stdout=log, stderr=log, start_new_session=True)
    network: subprocess.Popen[bytes] | None = None
    try:
        init = _child_of(holder.pid)
        if beside is None:
            network = subprocess.Popen([*cable, str(init), "tap0"], stdin=nothing, stdout=log, stderr=log)
        machine = Machine(room, init)
        _until_up(machine, room)
        yield machine
    finally:
        _end(holder)
        if network is not None:
            _end(network)
        log.close()
        _forget_cgroups(own)


#: A cgroup of its own in each hierarchy, so that its systemd and the host's never meet.
JOIN = """
for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -e "$tree/cgroup.procs" ] && mkdir -p "$tree/$0" 2>/dev/null && echo $$ 2>/dev/null > "$tree/$0/cgroup.procs" || true
done
exec "$@"
"""


def _child_of(holder: int) -> int:
    deadline = time.monotonic() + BOOT_LIMIT
    # what joins the cgroups has children of its own before it becomes unshare
    while "unshare" not in Path(f"/proc/{holder}/comm").read_text() or not (
        found := Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
    ):
        if time.monotonic() > deadline:
            raise Wrong("unshare has started nothing")
        time.sleep(0.05)  # poll: the kernel tells nobody that a process has a child
    return int(found[0])


def _until_up(machine: Machine, room: Path) -> None:
    deadline = time.monotonic() + BOOT_LIMIT
    while not machine.says(
        "[ -S /run/systemd/private ] && systemctl list-units >/dev/null && getent hosts deb.debian.org"
    ):
        if time.monotonic() > deadline:
            raise Wrong(f"the machine did not come up:\n{(room / 'boot.log').read_text(errors='replace')[-3000:]}")
        time.sleep(0.5)  # poll: before its bus is up there is nobody to ask for a word
    # a degraded one is up as well: it has no hardware
    with suppress(Wrong):
        machine.call("systemctl is-system-running --wait")


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        # unshare takes its child, and with the init all others, along
        os.kill(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_LIMIT)
    process.kill()
    process.wait()


def _forget_cgroups(own: str) -> None:
    """Once their last processes have gone, which takes a moment."""
    deadline = time.monotonic() + END_LIMIT
    tops = [tree / own for tree in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir())]
    while left := [top for top in tops if top.is_dir()]:
        for top in left:
            for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                with suppress(OSError):
                    folder.rmdir()
            with suppress(OSError):
                top.rmdir()
        if time.monotonic() > deadline:
            say(f"not removed, for somebody is still in: {', '.join(map(str, left))}")
            return
        time.sleep(0.1)  # poll: a control group is free some moments after its last process
