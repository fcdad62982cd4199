"""The command's form: help, completion, and what every command takes."""

import asyncio
import json

import pytest
from cli_platform import Terminal, served
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from typer.main import get_command
from typer.testing import CliRunner

from wod_cli.app import app
from wod_cli.client import Api
from wod_cli.failures import ExitCode, NotReachable
from wod_cli.output import shown


def _leaves(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    if below is None:
        return [path]
    return [leaf for name, part in below.items() for leaf in _leaves(part, (*path, name))]


LEAVES = _leaves(get_command(app))


def test_the_commands_are_there() -> None:
    assert {("command", "send"), ("seats", "verify"), ("appliance", "setup"), ("login",)} <= set(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_each_has_help_and_the_common_options(leaf: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*leaf, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    for option in ("--json", "--url", "--timeout"):
        assert option in result.output
    assert "--password" not in result.output


#: the database is reached on its own host, and a tree in its folder: without the API
_WITH_A_LOGIN = [leaf for leaf in LEAVES if leaf[0] not in {"login", "logout", "db", "rebrand"}]


@pytest.mark.parametrize("leaf", _WITH_A_LOGIN, ids=" ".join)
def test_each_says_when_nobody_is_logged_in(
    leaf: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("WOD_AGENT_TOKEN", "x")
    result = CliRunner().invoke(app, [*leaf, *_ARGUMENTS.get(leaf, []), "--json"])
    assert result.exit_code == ExitCode.NOT_LOGGED_IN, result.output
    assert json.loads(result.stderr)["type"] == "not-logged-in"
    assert result.stdout == ""


_ID = "0b9c1f0e-8a3f-4a0e-9d0c-4f6d1a2b3c4d"
_ARGUMENTS: dict[tuple[str, ...], list[str]] = {
    ("command", "send"): ["PURGE", "WKSHP-A"],
    ("command", "show"): [_ID],
    ("command", "retry"): [_ID],
    ("mail", "resend"): [_ID],
    ("mail", "test"): ["me@example.org"],
    ("seats", "show"): ["1"],
    ("seats", "add"): ["1", "10"],
    ("seats", "clean"): ["1"],
    ("seats", "verify"): ["1"],
    ("seats", "wishes"): [__file__],
    ("registrations", "show"): ["1"],
    ("registrations", "end"): ["1", "--reason", "x"],
    ("registrations", "add"): ["WKSHP-A", "--email", "a@b.c", "--name", "A", "--terms", "1"],
    ("class", "show"): ["1"],
    ("class", "book"): ["WKSHP-A", "--seats", "2", "--from", "2026-12-01T09:00", "--until", "2026-12-01T10:00"],
    ("class", "change"): ["1", "--title", "x"],
    ("class", "open"): ["1"],
    ("class", "new-code"): ["1"],
    ("class", "end"): ["1"],
    ("class", "participants"): ["1"],
    ("class", "help-done"): ["1", "2"],
    ("class", "roster"): ["1", __file__],
    ("class", "invitations"): ["1"],
    ("class", "speak"): ["1", "--terms", "1"],
    ("workshops", "show"): ["WKSHP-A"],
    ("workshops", "ready"): ["WKSHP-A", "--location", "1"],
    ("workshops", "activate"): ["WKSHP-A"],
    ("workshops", "deactivate"): ["WKSHP-A", "--text", "x"],
    ("locations", "show"): ["1"],
    ("locations", "drain"): ["1"],
    ("locations", "move"): ["1", "2"],
    ("locations", "undrain"): ["1"],
    ("pauses", "set"): ["x", "--everywhere"],
    ("pauses", "clear"): ["--everywhere"],
    ("appliance", "setup"): ["WKSHP-A", "--location", "1"],
}


async def test_the_installed_command_completes(tmp_path_factory: pytest.TempPathFactory) -> None:
    terminal = Terminal(tmp_path_factory.mktemp("home"))
    words = {"_WOD_COMPLETE": "complete_bash", "COMP_WORDS": "wod comm", "COMP_CWORD": "1"}
    ran = await terminal.run(**words)
    assert ran.out.split() == ["command"]


async def test_the_installed_command_tells_its_version(tmp_path_factory: pytest.TempPathFactory) -> None:
    ran = await Terminal(tmp_path_factory.mktemp("home")).run("--version")
    assert ran.out.startswith("wod ")


@pytest.mark.parametrize("value", ["a\x1b[31mb", "a\u202eb", "a\nb", "a\x9bb"])
def test_a_letter_that_steers_is_replaced(value: str) -> None:
    assert shown(value).plain.startswith("a\ufffd")


async def test_an_answer_that_is_not_the_apis_is_not_reachable(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = FastAPI()
    site.get("/page")(lambda: HTMLResponse("<h1>Welcome</h1>"))
    site.get("/away")(lambda: RedirectResponse("https://elsewhere.example.org"))
    site.get("/down")(lambda: HTMLResponse("<h1>Bad Gateway</h1>", 502))
    async with served(site) as url:
        for path, said in (("page", "not as the API"), ("away", "elsewhere"), ("down", "502")):
            with Api(f"{url}/", 5, way_out="is it right?") as api, pytest.raises(NotReachable, match=said):
                await asyncio.to_thread(api.get, path)
