"""Logging in and out, and what is kept of it."""

import asyncio
import json
import os
import pty
import stat
from pathlib import Path

import pytest
from api_support import ADMIN
from cli_platform import WOD, Platform, Terminal

from wod_cli import logins
from wod_cli.calls import is_clear, root_of
from wod_demo.ports import free_port

SECRET = ADMIN["password"]


async def test_the_token_is_kept_for_the_owner_alone(platform: Platform) -> None:
    ran = await platform.log_in()
    assert ran.status == 0, ran.err
    assert "operator (admin)" in ran.out
    assert stat.S_IMODE(platform.terminal.login_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(platform.terminal.login_file.parent.stat().st_mode) == 0o700
    assert SECRET not in platform.terminal.login_file.read_text()
    assert json.loads(platform.terminal.login_file.read_text())["token"] not in ran.out + ran.err
    shown = await platform.terminal.json("whoami")
    assert shown.keys() == {"url", "username", "role", "expires_at"}
    assert shown["username"] == "operator"


async def test_in_a_terminal_the_password_is_asked_for_and_not_shown(platform: Platform) -> None:
    ours, theirs = pty.openpty()
    words = ("login", "--url", platform.url, "--account", "operator")
    surroundings = {"XDG_CONFIG_HOME": str(platform.terminal.config), "PATH": "/usr/bin:/bin"}
    child = await asyncio.create_subprocess_exec(
        WOD, *words, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    # the last blank of the question comes when the echo is off; what was typed before that is thrown away
    while b"Password of operator" not in seen or not seen.endswith(b": "):
        seen += await asyncio.to_thread(os.read, ours, 1000)
    os.write(ours, f"{SECRET}\n".encode())
    assert await child.wait() == 0
    seen += await asyncio.to_thread(os.read, ours, 1000)
    os.close(ours)
    assert SECRET.encode() not in seen
    assert platform.terminal.login_file.exists()


async def test_a_wrong_password_is_no_login(platform: Platform) -> None:
    ran = await platform.log_in(ADMIN | {"password": "something else"})
    assert ran.status == 4
    assert "wrong" in ran.err
    assert "something else" not in ran.out + ran.err
    assert not platform.terminal.login_file.exists()


async def test_a_password_is_no_argument(platform: Platform) -> None:
    ran = await platform.terminal.run("login", "--url", platform.url, "--account", "operator", "--password", "x")
    assert ran.status == 2


async def test_without_a_password_on_stdin_it_says_where_one_belongs(platform: Platform) -> None:
    ran = await platform.terminal.run("login", "--url", platform.url, "--account", "operator", "--json")
    assert ran.status == 1
    assert "stdin" in ran.problem["detail"]


async def test_whoever_logs_out_is_not_logged_in(operator: Terminal) -> None:
    assert await operator.json("logout") == {"logged_out": True}
    assert not operator.login_file.exists()
    assert await operator.json("logout") == {"logged_out": False}
    assert "wod login" in await operator.refused(4, "seats", "list")


async def test_a_login_that_is_over_says_so(platform: Platform, operator: Terminal) -> None:
    kept = json.loads(operator.login_file.read_text())
    operator.login_file.write_text(json.dumps(kept | {"expires_at": "2026-01-01T00:00:00+00:00"}))
    assert "2026-01-01" in await operator.refused(4, "seats", "list")
    # the account and the address are still known
    ran = await operator.run("login", stdin=f"{SECRET}\n")
    assert ran.status == 0, ran.err


async def test_a_login_that_the_api_ended_says_so(platform: Platform, operator: Terminal) -> None:
    await platform.api.change("UPDATE accounts SET tokens_valid_after = now() + interval '1 hour'")
    assert "log in again" in await operator.refused(4, "seats", "list")


async def test_a_token_that_others_can_read_is_not_used(operator: Terminal) -> None:
    operator.login_file.chmod(0o640)
    detail = await operator.refused(1, "seats", "list")
    assert "0640" in detail
    assert "chmod 600" in detail


@pytest.mark.parametrize("text", ["{", "[]", '{"url": "x"}'])
async def test_a_spoilt_login_file_asks_for_another_login(operator: Terminal, text: str) -> None:
    operator.login_file.write_text(text)
    assert "wod login" in await operator.refused(4, "seats", "list")


async def test_a_token_is_sent_to_nobody_else(operator: Terminal) -> None:
    other = f"http://127.0.0.1:{free_port()}"
    assert other in await operator.refused(4, "seats", "list", "--url", other)
    ran = await operator.run("seats", "list", "--json", WOD_API_URL=other)
    assert ran.status == 4


async def test_an_address_where_nobody_answers_is_named(platform: Platform) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    words = ("login", "--url", url, "--account", "operator", "--json")
    ran = await platform.terminal.run(*words, stdin="x\n")
    assert ran.status == 3
    assert url in ran.problem["detail"]
    assert "WOD_API_URL" in ran.problem["detail"]


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://", "http://x:99999", "http://["])
async def test_what_is_no_address_is_a_mistake_in_the_command(platform: Platform, url: str) -> None:
    ran = await platform.terminal.run("login", "--url", url, "--account", "operator", "--json", stdin="x\n")
    assert ran.status == 2
    assert "address" in ran.problem["detail"]


async def test_what_is_needed_for_a_login_is_asked_for(platform: Platform) -> None:
    assert "--url" in await platform.terminal.refused(2, "login")
    assert "--account" in await platform.terminal.refused(2, "login", "--url", platform.url)


def test_the_address_may_be_given_in_full() -> None:
    assert root_of("https://wod.example.org/api/v1/") == "https://wod.example.org"
    assert root_of("https://example.org/wod") == "https://example.org/wod"


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://wod.example.org", True),
        ("http://127.0.0.1:8020", False),
        ("http://localhost", False),
        ("http://[::1]:80", False),
        ("http://127.0.0.1@evil.example.org", True),
        ("https://wod.example.org", False),
    ],
)
def test_a_password_in_clear_is_warned_of(url: str, clear: bool) -> None:
    assert is_clear(url) is clear


def test_a_relative_folder_of_the_standard_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "here")
    assert logins.folder() == tmp_path / ".config" / "wod"
