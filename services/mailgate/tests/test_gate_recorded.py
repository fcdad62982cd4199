"""What the original's mail filter did with 60 mails, and what the gate does with them."""

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

_SHARED = Path(os.environ.get("WOD_SHARED", Path(__file__).parents[3].parent / "shared"))
_RECORDED = _SHARED / "reference" / "procmail-cases.json"

_TAKEN = ("CREATE", 5, 12, "WKSHP-API101")
_NOT_A_COMMAND = "the Subject is no command"
_BAD_ARGUMENTS = "CREATE takes a student number"
_TWO_SUBJECTS = "exactly one Subject"
_NO_WORKSHOP = "no workshop"

EXPECTED: dict[str, tuple[str, int, int, str] | str] = {
    "create basic": _TAKEN,
    "cleanup basic": ("CLEANUP", 5, 12, "WKSHP-API101"),
    "reset basic": ("RESET", 5, 12, "WKSHP-API101"),
    "purge basic": ("PURGE", 5, 12, "WKSHP-API101"),
    "no email arg": _TAKEN,
    "no user id": _BAD_ARGUMENTS,
    "no student id": _NOT_A_COMMAND,
    "lower-case": _TAKEN,
    "zero id": _NOT_A_COMMAND,
    "digit+letters": _BAD_ARGUMENTS,
    "reset range": ("RESET", 5, 12, "WKSHP-API101"),
    "Re: prefix": _NOT_A_COMMAND,
    "word before": _NOT_A_COMMAND,
    "no space after colon": _TAKEN,
    "many spaces after colon": _TAKEN,
    "TAB after colon": _NOT_A_COMMAND,
    "TAB after CREATE": _NOT_A_COMMAND,
    "multi spaces between args": _TAKEN,
    "folded after CREATE (sp)": _NOT_A_COMMAND,
    "folded after id (sp)": _TAKEN,
    "folded after id (tab)": _TAKEN,
    "two Subjects CREATE,CREATE": _TWO_SUBJECTS,
    "two Subjects RESET then PURGE": _TWO_SUBJECTS,
    "two Subjects hello then CREATE": _TWO_SUBJECTS,
    "Subject text in body": _NOT_A_COMMAND,
    "RFC2047 base64 subject": _NOT_A_COMMAND,
    "RFC2047 Q subject": _NOT_A_COMMAND,
    "RFC2047 partial (args only)": _BAD_ARGUMENTS,
    "utf-8 8bit in subject": _BAD_ARGUMENTS,
    "trailing tab subject": _TAKEN,
    "verb glued": _NOT_A_COMMAND,
    "no Subject": _TWO_SUBJECTS,
    "multipart alternative body": _TAKEN,
    "multipart with preamble": _TAKEN,
    "quoted-printable body": _TAKEN,
    "base64 body": _TAKEN,
    "header only, no blank line": "the body is empty",
    "body blank line only": "the body is empty",
    "leading blank line then name": _TAKEN,
    "body leading/trailing spaces": _TAKEN,
    "CRLF whole message": _TAKEN,
    "CR in subject end": _TAKEN,
    "$() subject": _BAD_ARGUMENTS,
    "backtick subject": _BAD_ARGUMENTS,
    "&& subject": _BAD_ARGUMENTS,
    "quotes subject": _BAD_ARGUMENTS,
    "backslash subject": _BAD_ARGUMENTS,
    "var subject": _BAD_ARGUMENTS,
    "dotdot id": _BAD_ARGUMENTS,
    "long subject 3000": "Line too long",
    "body ; id": _NO_WORKSHOP,
    "body ../../etc": _NO_WORKSHOP,
    "body CHLG": ("CREATE", 5, 12, "CHLG-API101"),
    "body lower-case": _NO_WORKSHOP,
    "body .": _NO_WORKSHOP,
    "body backslash": _NO_WORKSHOP,
    "body html only": "no text/plain part",
    "no From_ line": _TAKEN,
    "other sender (no check active)": _TAKEN,
    "auto-reply precedence bulk": _TAKEN,
}
MEANT = {name: expected for name, expected in EXPECTED.items() if isinstance(expected, tuple)}
#: the original handed on what its script could not use; here they mean what their senders meant
MANGLED = {"base64 body", "quoted-printable body", "CRLF whole message"}


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    if not _RECORDED.exists():
        pytest.skip(f"the recorded cases are not at {_RECORDED}: set WOD_SHARED to the folder that holds reference/")
    return {case["case"]: case for case in json.loads(_RECORDED.read_text())}


def _mail(case: dict[str, Any]) -> bytes:
    return case["mail"].encode() if "mail" in case else base64.b64decode(case["mail_base64"])


def test_every_recorded_case_has_an_expectation(recorded: dict[str, dict[str, Any]]) -> None:
    assert recorded.keys() == EXPECTED.keys()


def test_nothing_is_taken_that_the_original_ignored(recorded: dict[str, dict[str, Any]]) -> None:
    taken = {name for name, expected in EXPECTED.items() if isinstance(expected, tuple)}
    assert {name for name in taken if recorded[name]["procmail_ran"] is None} == set()


@pytest.mark.parametrize("name", MEANT)
def test_what_is_taken_is_what_the_original_understood(name: str, recorded: dict[str, dict[str, Any]]) -> None:
    """The arguments and the folder's name that it was handed, not only that it ran."""
    verb, student, registration, workshop = MEANT[name]
    [*_, run] = recorded[name]["procmail_ran"]
    asked, number, customer, *_ = run["argv"]
    assert (asked.upper(), customer.rstrip("\r")) == (verb, str(registration))
    assert number == ("5,9" if name == "reset range" else str(student))
    assert workshop in run["stdin"] or name in MANGLED


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.usefixtures("listed")
async def test_a_recorded_mail_means_what_it_meant_or_is_refused(
    name: str, recorded: dict[str, dict[str, Any]], agent: Any, send: Callable[..., Awaitable[str]]
) -> None:
    said = await send(_mail(recorded[name]))
    expected = EXPECTED[name]
    if isinstance(expected, tuple):
        assert said.startswith("250 2.0.0 ")
        [command] = agent.commands
        assert command.get("last") == (9 if name == "reset range" else None)
        assert (command["verb"], command["student"], command["registration"], command["workshop"]) == expected
    else:
        assert said.startswith("5")
        assert expected in said
        assert agent.commands == []


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.usefixtures("listed")
async def test_a_recorded_mail_means_the_same_when_nobody_stays_for_the_answer(
    name: str, recorded: dict[str, dict[str, Any]], agent: Any, gate: Any
) -> None:
    stuffed = _mail(recorded[name]).replace(b"\n.", b"\n..")
    raw = b"HELO x\nMAIL FROM:<a@b>\nRCPT TO:<wodadmin@x>\nDATA\n" + stuffed + b".\nQUIT\n"
    said = (await gate.talk(raw)).splitlines()[-2]
    expected = EXPECTED[name]
    if isinstance(expected, tuple):
        assert said.endswith(" spooled")
        async with asyncio.timeout(30):
            await agent.arrived.wait()
        [command] = agent.commands
        assert command.get("last") == (9 if name == "reset range" else None)
        assert (command["verb"], command["student"], command["registration"], command["workshop"]) == expected
    else:
        assert said.startswith("5")
        assert expected in said
        assert agent.commands == []
