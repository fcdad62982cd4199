"""What a stranger may try: each is refused, logged, and reaches no agent."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
import structlog
from fastapi.responses import JSONResponse

from wod_common.commands import Command
from wod_common.tokens import CommandSigner, generate_private_pem

Write = Callable[..., str]
Refused = Callable[..., Awaitable[str]]

_ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<wodadmin@x>\r\nDATA\r\n"


@pytest.fixture
def refused(gate: Any, agent: Any) -> Refused:
    """Sends a mail byte for byte, and returns why it was refused, which the log must know as well."""

    async def tried(raw: str | bytes) -> str:
        content = raw.encode() if isinstance(raw, str) else raw
        # as a client sends it: CR LF, and a dot before a dot
        content = content.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n").replace(b"\r\n.", b"\r\n..")
        with structlog.testing.capture_logs() as lines:
            said = (await gate.talk(_ENVELOPE + content + b".\r\nQUIT\r\n")).splitlines()
        # one that is cut off does not hear an answer to its QUIT
        answer: str = said[-2] if said[-1].startswith("221") else said[-1]
        assert answer.startswith("550 5."), answer
        logged = [line for line in lines if line.get("reply") == "550"]
        assert [(line["peer"], line["detail"][:40]) for line in logged] == [("127.0.0.1", answer[10:50])]
        assert agent.commands == []
        return answer

    return tried


@pytest.fixture
def token(signer: CommandSigner, command: Command) -> str:
    return signer.sign(command)


def _forged(token: str, header: dict[str, Any], claims: dict[str, Any], key: Any = "") -> str:
    """The token's own header and claims, changed, under a signature of the attacker's."""
    head, body, signature = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body)]
    parts = [json.dumps(part | change).encode() for part, change in zip(decoded, (header, claims), strict=True)]
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, key or signature])


@pytest.mark.parametrize("sender", ["wod@api.example", "wodadmin@backend.example", "root@localhost", "<>"])
async def test_a_forged_sender(refused: Refused, write: Write, sender: str) -> None:
    headers = f"Sender: {sender}\nReply-To: {sender}\nReceived: from api.example ([127.0.0.1])\nX-Forwarded-For: ::1\n"
    assert "is not listed for unsigned commands" in await refused(write(headers=headers))


@pytest.mark.parametrize("name", ["X-WoD-Command2", "X-WoD-Commands", "WoD-Command", "X_WoD_Command"])
async def test_no_token(refused: Refused, write: Write, token: str, name: str) -> None:
    assert "has no X-WoD-Command header" in await refused(write(headers=f"{name}: {token}\n"))


async def test_the_wrong_audience(refused: Refused, write: Write, signer: CommandSigner, command: Command) -> None:
    elsewhere = command.model_copy(update={"location": 4})
    assert "Audience" in await refused(write(signer.sign(elsewhere)))


@pytest.mark.parametrize("minutes", [-13, 3])
async def test_a_token_of_another_time(
    refused: Refused, write: Write, signer: CommandSigner, command: Command, minutes: int
) -> None:
    token = signer.sign(command, now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert "the token is not valid" in await refused(write(token))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"alg": "none"}, {}),
        ({"alg": "HS256"}, {}),
        ({}, {"student": 6}),
        ({}, {"verb": "PURGE"}),
        ({}, {"exp": 2**40}),
        ({}, {"aud": ["wod-location-3", "wod-location-4"]}),
        ({"kid": "../../etc/passwd"}, {}),
        ({"kid": None}, {}),
        ({"kid": {}}, {}),
        ({"kid": []}, {}),
        ({"crit": ["exp"]}, {}),
        ({"jku": "http://attacker.example/keys"}, {"student": 7}),
    ],
)
async def test_a_token_that_was_tampered_with(
    refused: Refused, write: Write, token: str, header: dict[str, Any], claims: dict[str, Any]
) -> None:
    forged = _forged(token, header, claims)
    if forged.split(".")[:2] != token.split(".")[:2]:
        assert "the token" in await refused(write(forged))


async def test_a_token_without_signature(refused: Refused, write: Write, token: str) -> None:
    assert "the token" in await refused(write(_forged(token, {"alg": "none"}, {}).rpartition(".")[0] + "."))


async def test_the_public_key_is_no_secret_to_sign_with(
    refused: Refused, write: Write, signer: CommandSigner, command: Command
) -> None:
    [key] = signer.jwks()["keys"]
    claims = {"aud": "wod-location-3", "iss": "wod-api-db", "jti": str(uuid4()), "iat": 1, "exp": 2**40}
    forged = jwt.encode(claims | {"verb": "PURGE"}, key["x"], "HS256", {"kid": key["kid"]})
    assert "the token is not valid" in await refused(write(forged))


@pytest.mark.parametrize("claim", ["exp", "iat", "aud", "iss", "jti", "verb", "student", "generation", "workshop"])
async def test_a_token_that_lacks_a_claim(
    refused: Refused, write: Write, signer: CommandSigner, command: Command, claim: str
) -> None:
    claims = jwt.decode(signer.sign(command), options={"verify_signature": False})
    del claims[claim]
    kid = signer.jwks()["keys"][0]["kid"]
    assert "the token is" in await refused(write(jwt.encode(claims, signer.key, "EdDSA", {"kid": kid})))


@pytest.mark.parametrize(("claim", "value"), [("last", 9), ("workshop", "../x"), ("student", "5 6"), ("verb", "ROOT")])
async def test_a_signed_token_whose_claims_are_no_command(
    refused: Refused, write: Write, signer: CommandSigner, command: Command, claim: str, value: object
) -> None:
    claims = jwt.decode(signer.sign(command), options={"verify_signature": False}) | {claim: value}
    kid = signer.jwks()["keys"][0]["kid"]
    signed = jwt.encode(claims, signer.key, "EdDSA", {"kid": kid})
    assert "the token is signed but its claims are no command" in await refused(write(signed))


async def test_a_stolen_token_does_nothing_twice(gate: Any, agent: Any, write: Write, token: str) -> None:
    """It is the same command under the same id: the agent answers where that stands."""
    done: dict[str, str] = {}

    def answer(taken: dict[str, Any]) -> JSONResponse:
        state = "done" if taken["id"] in done else "accepted"
        done[taken["id"]] = taken["verb"]
        return JSONResponse({"id": taken["id"], "state": state}, 202)

    agent.answer = answer
    said = await asyncio.gather(*(gate.send(write(token)) for _ in range(5)))
    assert sorted(answer.split()[-1] for answer in said) == ["accepted"] + ["done"] * 4
    assert len(done) == 1


async def test_a_stolen_token_commands_nothing_else(refused: Refused, write: Write, token: str) -> None:
    for subject in ("PURGE 5 12", "CREATE 6 12", "CREATE 5 13"):
        assert "differ in" in await refused(write(token, subject=subject))
    assert "differ in: workshop" in await refused(write(token, body="CHLG-API101\n"))


@pytest.mark.parametrize(
    "number",
    [
        "1+1", "0x10", "010", "0", "-5", "+5", "5.0", "5e0", "1_0", "$(id)", "`id`", "${IFS}", "5;id", "5|id", "5&&id",
        "a[$(id)]", "5/../6", "\u0663", "\uff15", "5\u200b", "\u202e5", "\u00b2", "\u2164", "5\x00", "5%00", "5,", "5,9", "5..9", "*", "?",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("listed")
async def test_a_student_number_is_a_number(refused: Refused, write: Write, number: str) -> None:
    await refused(write(subject=f"CREATE {number} 12"))


@pytest.mark.parametrize(
    "name",
    [
        ".", "..", "../x", "/etc", "WKSHP-..", "WKSHP-../x", "WKSHP-API101/../x", "WKSHP-API101/", "./WKSHP-API101",
        "WKSHP-API101\x00", "WKSHP-$(id)", "WKSHP-API101;id", "WKSHP-*", "WKSHP-API101\\", "~", "-rf", "WKSHP-\u0430",
        "\uff37KSHP-API101", "WKSHP\u2010API101", "WKSHP-API\u0661", "WKSHP-API101\u200b", "WKSHP-API101\u2028x", "%2e%2e",
        "WKSHP-API101 CREATE 6 13", "PURGE 5 12",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("listed")
async def test_a_workshop_is_a_folders_name(refused: Refused, write: Write, name: str) -> None:
    assert "no workshop" in await refused(write(body=f"{name}\n"))


@pytest.mark.parametrize(
    "verb", ["CREATE;PURGE", "\u0421REATE", "CREA\u0422E", "\uff23REATE", "CREATE\u00a0", "RE\u017fET", "eval"]
)
@pytest.mark.usefixtures("listed")
async def test_a_verb_is_one_of_five(refused: Refused, write: Write, verb: str) -> None:
    assert "no command" in await refused(write(subject=f"{verb} 5 12"))


@pytest.mark.parametrize(
    "rest",
    ["12 PURGE 6 13", "12;PURGE 6 13", "12 a@b.example\x00PURGE", "12 a@b.example PURGE 6 13", "12 $(id)@b.example",
     "12 a@b.example;id", "12 <a@b.example>", "12\x0bPURGE", "12\x85PURGE", "12 \"a b\"@c.example", "12 a@b@c"],
)  # fmt: skip
@pytest.mark.usefixtures("listed")
async def test_nothing_follows_the_arguments(refused: Refused, write: Write, rest: str) -> None:
    assert "CREATE takes a student number" in await refused(write(subject=f"CREATE 5 {rest}"))


@pytest.mark.parametrize(
    "subject",
    [
        "hello\n Subject: PURGE 5 12", "hello\n\tPURGE 5 12", "\n PURGE\n 5 12", "PURGE 5\n 12\n 6 13",
        "PURGE 5 12\n X-Other: y", "PURGE 5 12\n \n PURGE 6 13", "PURGE 5 12\nSubject: PURGE 6 13",
        "PURGE 5 12\nsUBJECT: hello", "PURGE 5 1\n2 a@b.example", "PURGE 5 12\nSubject : PURGE 6 13\nSubject:x",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("listed")
async def test_headers_are_not_smuggled_in_folds(refused: Refused, write: Write, subject: str) -> None:
    raw = write(subject=subject)
    if subject == "PURGE 5 1\n2 a@b.example":
        # what is no header begins the body
        assert "no workshop" in await refused(raw)
    else:
        await refused(raw)


@pytest.mark.parametrize("fold", ["X-Other: a\n X-WoD-Command: {}\n", "X-WoD-Command:\nX-Other: {}\n", ": {}\n"])
async def test_a_token_is_not_smuggled_in_a_fold(refused: Refused, write: Write, token: str, fold: str) -> None:
    await refused(write(headers=fold.format(token)))


async def test_a_header_in_the_body_is_none(refused: Refused, write: Write, token: str) -> None:
    assert "is not listed" in await refused(write(body=f"X-WoD-Command: {token}\n\nWKSHP-API101\n"))
    assert "no blank line" in await refused(f"X-WoD-Command: {token}\nSubject: CREATE 5 12\nWKSHP-API101\n")


async def test_two_tokens_one_of_them_good(refused: Refused, write: Write, token: str, command: Command) -> None:
    stranger = CommandSigner.from_pem(generate_private_pem()).sign(command)
    assert "one X-WoD-Command header, this one has 2" in await refused(write(stranger, token))
    assert "one X-WoD-Command header, this one has 2" in await refused(write(token, stranger))


@pytest.mark.parametrize("nul", [b"X-N\x00: a\r\n", b"X-N: \x00\r\n", b"\x00\r\n"])
async def test_a_nul_lets_nothing_in(refused: Refused, write: Write, nul: bytes) -> None:
    await refused(nul + write().encode())


@pytest.mark.parametrize("address", ["root@x", "wodadmin@x@y", "wodadmin+x@y", "|id", '"|id"@x'])
async def test_mail_for_somebody_else(gate: Any, agent: Any, address: str) -> None:
    said = await gate.talk(f"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<{address}>\r\nDATA\r\nQUIT\r\n".encode())
    assert "354" not in said
    assert agent.commands == []
