"""Seats that are Linux accounts, by the module that makes and closes them; real accounts, removed afterwards."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pamela
import pytest

from wod_backend_agent.accounts import crypt_hash
from wod_backend_agent.playbooks.library import wod_seat
from wod_backend_agent.playbooks.library.wod_seat import NoAccount, StillRunning, remove_leftovers, seat

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: real Linux accounts, which were NOT tried")
NAME, UID, OTHER_UID = "student971001", 2_346_001, 2_346_002
PASSWORD = "p'ä\"ss $word"


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Path]:
    assert subprocess.run(["getent", "passwd", NAME], check=False, capture_output=True).returncode != 0
    (tmp_path / "homes").mkdir()
    yield tmp_path / "homes"
    subprocess.run(["userdel", NAME], check=False, capture_output=True)
    subprocess.run(["groupdel", NAME], check=False, capture_output=True)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "WKSHP-A").mkdir()
    (tmp_path / "WKSHP-A" / "1.ipynb").write_text("{}")
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "home.tar"), "WKSHP-A"], check=True)
    return tmp_path / "home.tar"


def asked(homes: Path, **more: object) -> dict[str, Any]:
    account = {"automation": "nobody", "password_hash": crypt_hash(PASSWORD)}
    places = {"homes": str(homes), "home": str(homes / NAME), "username": NAME, "uid": UID, "run": "run"}
    return places | {"account": account, "workshop": "WKSHP-A"} | more


def lets_in(password: str = PASSWORD) -> bool:
    try:
        pamela.authenticate(NAME, password)  # type: ignore[no-untyped-call]
    except pamela.PAMError:
        return False
    return True


def test_an_account_is_made_once_opened_closed_and_kept(homes: Path, archive: Path) -> None:
    for _ in range(2):
        seat(asked(homes, archive=str(archive)))
        entry = pwd.getpwnam(NAME)
        assert (entry.pw_uid, entry.pw_dir, entry.pw_shell) == (UID, str(homes / NAME), "/bin/bash")
        assert lets_in()
        assert not lets_in("another")
        assert (homes / NAME / "WKSHP-A/1.ipynb").stat().st_uid == UID
    public = (homes / NAME / ".ssh/id_ed25519.pub").read_bytes()
    assert (homes / NAME / ".ssh/authorized_keys").read_bytes() == public
    seat(asked(homes))
    assert not lets_in()
    assert pwd.getpwnam(NAME) == entry
    assert list((homes / NAME).iterdir()) == []


def test_without_a_uid_asked_for_the_host_chooses_one(homes: Path) -> None:
    seat(asked(homes, uid=None))
    assert pwd.getpwnam(NAME).pw_uid >= 1000
    seat(asked(homes, uid=None))


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="no setfacl on this machine: the ACL was NOT tried")
def test_the_automations_account_sees_the_home_and_writes_into_the_workshop_alone(homes: Path, archive: Path) -> None:
    homes.parent.parent.chmod(0o755)
    seat(asked(homes, archive=str(archive)))
    listed = subprocess.run(["getfacl", "-cp", homes / NAME, homes / NAME / "WKSHP-A"], check=True, capture_output=True)
    home, workshop = listed.stdout.decode().strip().split("\n\n")
    assert "user:nobody:r-x" in home
    assert "user:nobody:rwx" in workshop
    assert "default:user:nobody:rwx" in workshop
    # what sshd asks of a home and of a key
    assert (homes / NAME).stat().st_mode & 0o022 == 0
    assert (homes / NAME / ".ssh/id_ed25519").stat().st_mode & 0o077 == 0


def test_the_password_dies_before_anything_else_is_tried(
    homes: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seat(asked(homes, archive=str(archive)))

    def hung(*_: object) -> None:
        raise StillRunning("processes hang")

    monkeypatch.setattr(wod_seat, "end_processes", hung)
    with pytest.raises(StillRunning):
        seat(asked(homes))
    assert not lets_in()
    assert (homes / NAME / "WKSHP-A").is_dir()


def test_a_lock_touches_nothing_of_the_home(homes: Path, archive: Path) -> None:
    seat(asked(homes, archive=str(archive)))
    seat(asked(homes, lock=True))
    assert not lets_in()
    assert (homes / NAME / "WKSHP-A/1.ipynb").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--uid", "971"], "uid 971"), (["--uid", str(UID), "--home-dir", "/srv"], "home /srv")],
)
def test_an_account_that_is_somebody_elses_is_refused_untouched(homes: Path, options: list[str], said: str) -> None:
    places = [] if "--home-dir" in options else ["--home-dir", str(homes / NAME)]
    subprocess.run(["useradd", *options, *places, "--password", crypt_hash(PASSWORD), NAME], check=True)
    with pytest.raises(NoAccount, match=said):
        seat(asked(homes))
    assert lets_in()


def test_what_is_left_outside_the_home_goes_and_no_link_is_followed(
    homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, shared, victim = tmp_path / "spool", tmp_path / "shared", tmp_path / "victim"
    for folder in (spool, shared, victim):
        folder.mkdir()
    monkeypatch.setattr(wod_seat, "SPOOLS", (str(spool), str(tmp_path / "not here")))
    monkeypatch.setattr(wod_seat, "SHARED", (str(shared),))
    _made(spool / NAME, 0)
    _made(spool / "a0001", UID)
    _made(spool / "student9", OTHER_UID)
    _made(victim / "precious", UID)
    _made(shared / "mine" / "deep" / "x", UID)
    _made(shared / "open" / "mine", UID)
    _made(shared / "open" / "theirs", OTHER_UID)
    _made(shared / "closed" / "kept", UID)
    (shared / "open").chmod(0o777)
    for folder in (shared, shared / "open"):
        (folder / "link").symlink_to(victim)
        os.chown(folder / "link", OTHER_UID, OTHER_UID, follow_symlinks=False)
        (folder / "own link").symlink_to(victim)
        os.chown(folder / "own link", UID, UID, follow_symlinks=False)
    os.chown(shared / "mine", UID, UID)
    remove_leftovers(NAME, UID)
    left = sorted(str(path.relative_to(tmp_path)) for path in (*spool.rglob("*"), *shared.rglob("*")))
    closed = ["shared/closed", "shared/closed/kept"]
    assert left == [*closed, "shared/link", "shared/open", "shared/open/link", "shared/open/theirs", "spool/student9"]
    assert (victim / "precious").is_file()


def _made(path: Path, uid: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.chown(path, uid, uid)
