"""The demo's folder: private where it must be, one demo at a time, and cleaned only where it is surely ours."""

import stat
from pathlib import Path

import pytest

from wod_common.tokens import CommandSigner
from wod_demo.state import MARKER, FolderRefused, State


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        first = state.secrets()
        assert state.secrets() == first
        assert mode(tmp_path / "demo" / "secrets.json") == 0o600
        assert first.api not in repr(first)


def test_gates_get_the_public_half_of_the_command_key(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        state.command_keys_made()
        key = state.command_key.read_text()
        state.command_keys_made()
    assert state.command_key.read_text() == key
    assert mode(state.command_key) == 0o600
    assert CommandSigner.from_pem(key).jwks()["keys"][0]["x"] in state.command_keys.read_text()


def test_students_pass_through_and_list_nothing(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        assert mode(state.root) == mode(state.homes) == 0o711
        assert mode(state.mail) == mode(state.logs) == mode(state.root / "keys") == 0o700


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    second = State(tmp_path / "demo").held()
    with State(tmp_path / "demo").held(), pytest.raises(FolderRefused, match="WOD_DEMO_DIR"), second:
        pass
    with State(tmp_path / "demo").held():
        pass


def test_a_folder_with_others_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FolderRefused, match="holds files"), State(tmp_path).held():
        pass
    assert mode(tmp_path) != 0o711


@pytest.mark.parametrize("path", [Path("/"), Path.home()])
def test_a_suspicious_folder_is_not_taken(path: Path) -> None:
    with pytest.raises(FolderRefused, match="folder of its own"), State(path).held():
        pass


def test_cleaning_removes_what_the_demo_made(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        state.secrets()
        (state.homes / "student1").mkdir()
    state.clean()
    assert not state.root.exists()


def test_cleaning_leaves_what_it_did_not_make(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        (state.root / "thesis.txt").write_text("years of work")
    state.clean()
    assert [path.name for path in state.root.iterdir()] == ["thesis.txt"]


def test_cleaning_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    state = State(tmp_path / "demo")
    with state.held():
        (state.root / "homes").rmdir()
        (state.root / "homes").symlink_to(tmp_path / "precious")
    state.clean()
    assert (tmp_path / "precious" / "file").exists()


def test_cleaning_a_folder_without_the_marker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with pytest.raises(FolderRefused, match=MARKER):
        State(tmp_path).clean()
    assert (tmp_path / "log").exists()


@pytest.mark.parametrize("path", [Path("/"), Path.home()])
def test_cleaning_a_suspicious_folder_is_refused(path: Path) -> None:
    with pytest.raises(FolderRefused):
        State(path).clean()


def test_cleaning_under_a_running_demo_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path / "demo")
    with state.held():
        with pytest.raises(FolderRefused, match="is running"):
            State(state.root).clean()
        assert state.homes.is_dir()
