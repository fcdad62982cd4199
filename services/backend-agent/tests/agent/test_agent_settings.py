import os
import pwd
from pathlib import Path

import pytest
from agent_doubles import settings_for

from wod_backend_agent.settings import Misconfigured, take_settings

COMPLETE = {
    "WOD_AGENT_LOCATION": "1",
    "WOD_AGENT_SEATS": "20",
    "WOD_AGENT_HOMES": "/srv/homes",
    "WOD_AGENT_STATE": "/srv/state",
    "WOD_AGENT_NOTEBOOKS": "/srv/public:/srv/more",
    "WOD_AGENT_PRIVATE": "",
    "WOD_AGENT_API_URL": "http://127.0.0.1:8021",
    "WOD_AGENT_API_USERNAME": "agent",
    "WOD_AGENT_API_PASSWORD": "the account's password",
    "WOD_AGENT_HUB_URL": "http://127.0.0.1:8000",
    "WOD_AGENT_HUB_TOKEN": "the token for the hub",
    "WOD_AGENT_HUB_LOGIN_TOKEN": "the token of the hub",
    "WOD_AGENT_TOKEN": "the token of the gate",
    "WOD_AGENT_SECRET": "what seals the journal",
    "WOD_AGENT_VARIABLES": '{"WODBEFQDN": "lab.example.org"}',
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_are_read_once_and_leave_no_secret_to_children(environment: pytest.MonkeyPatch) -> None:
    settings = take_settings()
    assert settings.notebooks == [Path("/srv/public"), Path("/srv/more")]
    assert settings.private is None
    assert settings.variables == {"WODBEFQDN": "lab.example.org"}
    assert not [name for name in os.environ if name.startswith("WOD_AGENT_")]


def test_programs_are_named_with_commas_between_them(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WOD_AGENT_WATCHDOG_PROGRAMS", "xmrig, *miner")
    settings = take_settings()
    assert settings.watchdog_programs == ("xmrig", "*miner")
    assert settings.watchdog_allowed == ()
    assert "xmrig" in settings_for(Path("/srv")).watchdog_programs


def test_a_refusal_to_start_names_every_setting_and_shows_no_value(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("WOD_AGENT_TOKEN")
    environment.setenv("WOD_AGENT_SECRET", "hunter2")
    environment.setenv("WOD_AGENT_VARIABLES", "{no JSON")
    with pytest.raises(Misconfigured) as refusal:
        take_settings()
    assert "WOD_AGENT_VARIABLES" in str(refusal.value)
    assert "WOD_AGENT_TOKEN" in str(refusal.value)
    assert "WOD_AGENT_SECRET" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_seat_has_a_home_and_where_wanted_an_account_of_its_own(tmp_path: Path) -> None:
    assert settings_for(tmp_path).seat(7).uid is None
    seat = settings_for(tmp_path, uid_base=20_000).seat(7)
    assert (seat.uid, seat.home) == (20_007, tmp_path / "homes/student7")


def test_a_seat_that_is_an_account_has_the_uid_that_the_host_has_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwnam", {"student7": known}.__getitem__)
    settings = settings_for(tmp_path, accounts="linux")
    assert settings.seat(7).uid == os.getuid()
    assert settings.seat(8).uid is None
    assert settings_for(tmp_path, accounts="linux", uid_base=20_000).seat(7).uid == 20_007


DIRECTORY = {
    "WOD_AGENT_LDAP_URL": "ldaps://directory.example.org",
    "WOD_AGENT_LDAP_BIND_DN": "cn=agent,dc=example,dc=org",
    "WOD_AGENT_LDAP_PASSWORD": "hunter2",
    "WOD_AGENT_LDAP_USER_DN": "uid={username},dc=example,dc=org",
}


def test_a_directory_is_whole_or_none(environment: pytest.MonkeyPatch) -> None:
    assert take_settings().ldap_server() is None
    for name, value in (COMPLETE | DIRECTORY).items():
        environment.setenv(name, value)
    server = take_settings().ldap_server()
    assert server
    assert server.dn(settings_for(Path("/srv")).seat(7)) == "uid=student7,dc=example,dc=org"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"WOD_AGENT_LDAP_BIND_DN": ""}, "WOD_AGENT_LDAP_BIND_DN"),
        ({"WOD_AGENT_LDAP_USER_DN": "uid=student,dc=example,dc=org"}, "WOD_AGENT_LDAP_USER_DN"),
        ({"WOD_AGENT_LDAP_USER_DN": "uid={nobody},dc=example,dc=org"}, "WOD_AGENT_LDAP_USER_DN"),
        ({"WOD_AGENT_LDAP_URL": "directory.example.org"}, "WOD_AGENT_LDAP_URL"),
        ({"WOD_AGENT_LDAP_CA": "/srv/nothing/there"}, "WOD_AGENT_LDAP_CA"),
    ],
)
def test_a_directory_that_cannot_be_used_is_refused_at_the_start(
    environment: pytest.MonkeyPatch, wrong: dict[str, str], named: str
) -> None:
    for name, value in (DIRECTORY | wrong).items():
        environment.setenv(name, value)
    with pytest.raises(Misconfigured, match=named) as refusal:
        take_settings()
    assert "hunter2" not in str(refusal.value)
