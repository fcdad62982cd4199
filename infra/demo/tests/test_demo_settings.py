"""The environment's interface, and what is said of values that cannot be used."""

import socket
from pathlib import Path

import pytest

from wod_demo.settings import HOST, DemoSettings, Ports, SettingsWrong


def test_defaults_are_the_documented_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    settings = DemoSettings.from_environment({})
    assert settings.directory == tmp_path / "var" / "demo"
    assert settings.notebooks == (tmp_path / "notebooks",)
    assert settings.seats == 100
    ports = settings.ports
    assert (ports.portal, ports.api, ports.hub, ports.agent) == (8080, 8021, 8000, 8030)
    assert (ports.mailgate, ports.mailbox, ports.mailbox_smtp, ports.pg) == (10025, 8025, 1025, 54329)


def test_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    environment = {
        "WOD_DEMO_DIR": str(tmp_path / "state"),
        "WOD_NOTEBOOKS": f"{tmp_path}/a:{tmp_path}/b",
        "WOD_PRIVATE": str(tmp_path / "a"),
        "WOD_SEATS": "7",
        "WOD_PORTAL_PORT": "1234",
        "DATABASE_URL": "postgresql://u:geheim@db/x",
    }
    settings = DemoSettings.from_environment(environment)
    assert settings.notebooks == (tmp_path / "a", tmp_path / "b")
    assert (settings.seats, settings.ports.portal, settings.private) == (7, 1234, tmp_path / "a")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WOD_SEATS", "many"), ("WOD_SEATS", "0"), ("WOD_HUB_PORT", "70000"), ("WOD_NOTEBOOKS", "/nowhere/x")],
)
def test_a_wrong_value_is_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=rf"{name}.*{value}"):
        DemoSettings.from_environment({"WOD_NOTEBOOKS": str(tmp_path)} | {name: value})


def test_a_taken_port_is_refused_with_its_variable() -> None:
    ports = Ports.free()
    ports.refuse_taken()
    with socket.create_server((HOST, ports.mailbox_smtp)), pytest.raises(SettingsWrong, match="WOD_MAILBOX_SMTP_PORT="):
        ports.refuse_taken()
    ports.refuse_taken()


def test_a_port_named_twice_is_refused() -> None:
    with pytest.raises(SettingsWrong, match="WOD_PORTAL_PORT and WOD_API_PORT are both 8021"):
        Ports(portal=8021).refuse_taken()
