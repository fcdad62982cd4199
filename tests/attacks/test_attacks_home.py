"""What a student may leave in a home for root to stumble over: emptying it touches nothing outside, and is bounded."""

import json
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from wod_backend_agent.playbooks.library import wod_seat

#: a million by hand
FILES = int(os.environ.get("WOD_ATTACK_FILES", "5000"))
FILES_A_SECOND = 5_000  # of a core's time, which other work on the machine does not stretch
STUDENT = 63_001
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: students have uids of their own only then")

Leave = Callable[[Path, Path], None]


@pytest.fixture
def place() -> Iterator[Path]:
    """Open to other uids, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="wod-attacks-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(place: Path) -> Path:
    (place / "homes" / "student1").mkdir(parents=True)
    return place / "homes" / "student1"


@pytest.fixture
def outside(place: Path) -> Path:
    folder = place / "outside"
    (folder / "deep").mkdir(parents=True)
    (folder / "precious").write_text("of the platform")
    (folder / "deep" / "precious").write_text("of the platform")
    return folder


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that a careless root might change."""
    return {
        str(path): (
            found.st_mode,
            found.st_uid,
            found.st_gid,
            found.st_ino,
            stat.S_ISREG(found.st_mode) and path.read_bytes(),
        )
        for path in (folder, *sorted(folder.rglob("*")))
        if (found := path.lstat())
    }


def clean(home: Path, uid: int | None = None) -> subprocess.CompletedProcess[str]:
    """As Ansible runs the module."""
    arguments = {"username": home.name, "homes": str(home.parent), "home": str(home), "run": "run", "uid": uid}
    text = Path(wod_seat.__file__).read_text().replace("<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>", json.dumps(arguments))
    return subprocess.run([sys.executable, "-I", "-S", "-c", text], capture_output=True, text=True, check=False)


def is_empty(home: Path) -> bool:
    return list(home.parent.iterdir()) == [home] and list(home.iterdir()) == []


def symbolic_links(home: Path, outside: Path) -> None:
    (home / "file").symlink_to(outside / "precious")
    (home / "folder").symlink_to(outside)
    (home / "relative").symlink_to("../../outside/deep")
    (home / "loop").symlink_to("loop")
    (home / "nowhere").symlink_to("/nonexistent")
    (home / "root").symlink_to("/")


def hard_links(home: Path, outside: Path) -> None:
    os.link(outside / "precious", home / "the-same")
    (home / "folder").mkdir()
    os.link(outside / "deep" / "precious", home / "folder" / "the-same")


def special_files(home: Path, outside: Path) -> None:
    os.mkfifo(home / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(home, os.O_RDONLY)
        # by a short name: a socket's own is bounded
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
    if os.geteuid() == 0:
        os.mknod(home / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(home / "disk", stat.S_IFBLK | 0o666, os.makedev(7, 0))


def odd_names(home: Path, outside: Path) -> None:
    precious = outside / "precious"
    names = [
        f"$(rm {precious.name})", f"`rm {precious.name}`", f"; rm {precious.name}", "-rf", "--", "-", "~", "~root", "*", "?",
        "a\nb", "\n", " ", "\t", "\r", "\x1b[2J", "'", '"', "\\", "{{ 7 * 7 }}", "{% raw %}", "%s", "x" * 255, "..." , ".. ",
        ".student1.run.old", ".student2.", "student2",
    ]  # fmt: skip
    for name in [os.fsencode(name) for name in names] + [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80"]:
        path = Path(home, os.fsdecode(name))
        path.mkdir()
        (path / os.fsdecode(name)).write_text("x")


def closed_folders(home: Path, outside: Path) -> None:
    (home / "a" / "b" / "c").mkdir(parents=True)
    (home / "a" / "b" / "c" / "file").write_text("x")
    for folder in ("a/b/c", "a/b", "a"):
        (home / folder).chmod(0)


def a_deep_tree(home: Path, outside: Path) -> None:
    """Its path is several times longer than PATH_MAX."""
    handle = os.open(home, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 100, dir_fd=handle)
        below = os.open("d" * 100, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.symlink(outside, "link", dir_fd=handle)
    os.close(handle)


@pytest.mark.parametrize(
    "leave",
    [symbolic_links, hard_links, special_files, odd_names, closed_folders, a_deep_tree],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("uid", [None, pytest.param(STUDENT, marks=AS_ROOT)], ids=["one account", "own uid"])
def test_a_home_is_emptied_of_anything_and_nothing_else_is_touched(
    home: Path, outside: Path, leave: Leave, uid: int | None
) -> None:
    before = state(outside)
    leave(home, outside)
    done = clean(home, uid)
    assert done.returncode == 0, done.stdout
    assert is_empty(home)
    assert state(outside) == before


def test_a_home_that_is_a_link_is_replaced_and_not_followed(home: Path, outside: Path) -> None:
    before = state(outside)
    home.rmdir()
    home.symlink_to(outside)
    assert clean(home).returncode == 0
    assert is_empty(home)
    assert not home.is_symlink()
    assert state(outside) == before


@AS_ROOT
def test_what_is_mounted_in_a_home_is_not_emptied_and_is_named(home: Path, outside: Path) -> None:
    before = state(outside)
    (home / "mounted").mkdir()
    try:
        mounted = subprocess.run(["mount", "--bind", outside, home / "mounted"], capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode()}")
        done = clean(home)
        assert done.returncode == 1
        assert "busy" in json.loads(done.stdout)["msg"]
    finally:
        for path in [*home.parent.glob("*/mounted"), *home.parent.glob(".*/mounted"), *home.parent.glob(".*")]:
            subprocess.run(["umount", path], capture_output=True, check=False)
    assert state(outside) == before
    assert clean(home).returncode == 0
    assert is_empty(home)


@AS_ROOT
def test_an_immutable_file_fails_the_cleaning_and_is_named(home: Path) -> None:
    """A student cannot make one: that takes root, such as a hook."""
    file = home / "immutable"
    file.write_text("x")
    os.chown(home, STUDENT, STUDENT)
    os.chown(file, STUDENT, STUDENT)
    refused = subprocess.run(
        ["chattr", "+i", file], user=STUDENT, group=STUDENT, extra_groups=[], capture_output=True, check=False
    )
    assert refused.returncode != 0
    if subprocess.run(["chattr", "+i", file], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no immutable files")
    try:
        done = clean(home)
        assert done.returncode == 1
        assert "immutable" in json.loads(done.stdout)["msg"]
    finally:
        for left in home.parent.rglob("immutable"):
            subprocess.run(["chattr", "-i", left], check=True)
    assert clean(home).returncode == 0
    assert is_empty(home)


SWAP = """
import os, sys
home, outside = sys.argv[1:]
while True:
    for root in (home, *(f"{os.path.dirname(home)}/{name}" for name in os.listdir(os.path.dirname(home)))):
        try:
            os.makedirs(f"{root}/a/b/c", exist_ok=True)
            os.symlink(outside, f"{root}/a/link")
            os.rename(f"{root}/a/b", f"{root}/a/moved")
            os.rename(f"{root}/a/link", f"{root}/a/b")
            os.rename(f"{root}/a/moved", f"{root}/a/link")
        except OSError:
            pass
"""


@AS_ROOT
def test_folders_swapped_for_links_during_the_removal_lead_nowhere(home: Path, outside: Path) -> None:
    """The student's processes are ended before a cleaning; here they are let live, so that there is a race at all."""
    before = state(outside)
    os.chown(home, STUDENT, STUDENT)
    swapping = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", SWAP, home, outside], user=STUDENT, group=STUDENT, extra_groups=[]
    )
    failures = 0
    try:
        for _ in range(300):
            try:
                wod_seat.replace_home(home.parent, home, None, run="run", uid=STUDENT)
            except OSError:
                failures += 1
        assert swapping.poll() is None
    finally:
        swapping.kill()
        swapping.wait()
    assert state(outside) == before
    assert clean(home, STUDENT).returncode == 0
    assert is_empty(home)


@AS_ROOT
def test_a_process_that_goes_on_writing_is_ended_before_the_home_is_emptied(home: Path, outside: Path) -> None:
    os.chown(home, STUDENT, STUDENT)
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SWAP}"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", stubborn, home, outside], user=STUDENT, group=STUDENT, extra_groups=[]
    ) as process:
        try:
            done = clean(home, STUDENT)
            assert done.returncode == 0, done.stdout
            assert process.wait(10) < 0
        finally:
            process.kill()
    assert is_empty(home)


@AS_ROOT
def test_what_a_student_leaves_where_anybody_may_write_goes_with_the_home(home: Path) -> None:
    left = [Path(folder, f"wod-attack-{os.getpid()}") for folder in ("/tmp", "/var/tmp", "/dev/shm")]
    others = Path("/tmp", f"wod-of-another-{os.getpid()}")
    others.write_text("x")
    try:
        for folder in left:
            folder.mkdir()
            (folder / "secret").write_text("of the last student")
            (folder / "link").symlink_to(others)
            os.chown(folder, STUDENT, STUDENT)
        assert clean(home, STUDENT).returncode == 0
        assert [folder for folder in left if folder.exists()] == []
        assert others.read_text() == "x"
    finally:
        others.unlink()
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["files", "folders"])
def test_a_home_of_very_many_files_is_emptied_in_time_and_little_memory(home: Path, kind: str) -> None:
    """``WOD_ATTACK_FILES=1000000`` makes it a million."""
    top = os.open(home, os.O_RDONLY)
    for number in range(FILES):
        if kind == "files":
            os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY, dir_fd=top))
        else:
            os.mkdir(str(number), dir_fd=top)
    os.close(top)
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    with bounded_memory(200 * 2**20):
        done = clean(home)
    assert done.returncode == 0, done.stdout + done.stderr
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime < 5 + FILES / FILES_A_SECOND
    assert is_empty(home)


@contextmanager
def bounded_memory(size: int) -> Iterator[None]:
    """Of the processes that are started meanwhile: what they may write to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (max(size, _own_data()), hard))
    try:
        yield
    finally:
        with suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _own_data() -> int:
    """Below its own the test could not go on."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData:")]
    return 2 * int(line.split()[1]) * 1024
