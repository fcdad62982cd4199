import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from wod_common.commands import Command, Verb
from wod_common.tokens import CommandSigner, CommandVerifier, InvalidToken, generate_private_pem


@pytest.fixture
def signer() -> CommandSigner:
    return CommandSigner.from_pem(generate_private_pem())


@pytest.fixture
def command() -> Command:
    return Command(
        id=uuid4(),
        verb=Verb.CREATE,
        location=3,
        student=7,
        registration=12,
        workshop="WKSHP-API101",
        generation=2,
        sequence=1,
        first_seat=4,
    )


def verifier(signer: CommandSigner, location: int = 3) -> CommandVerifier:
    return CommandVerifier.from_jwks(json.dumps(signer.jwks()), location)


def test_a_signed_command_comes_back_whole(signer: CommandSigner, command: Command) -> None:
    assert verifier(signer).verify(signer.sign(command)) == command


def test_another_location_refuses_it(signer: CommandSigner, command: Command) -> None:
    with pytest.raises(InvalidToken, match="udience"):
        verifier(signer, location=4).verify(signer.sign(command))


def test_an_unknown_key_is_refused(signer: CommandSigner, command: Command) -> None:
    stranger = CommandSigner.from_pem(generate_private_pem())
    with pytest.raises(InvalidToken, match="not known"):
        verifier(signer).verify(stranger.sign(command))


def test_clocks_may_differ_by_two_minutes(signer: CommandSigner, command: Command) -> None:
    now = datetime.now(UTC)
    assert verifier(signer).verify(signer.sign(command, now=now + timedelta(seconds=110))) == command
    with pytest.raises(InvalidToken):
        verifier(signer).verify(signer.sign(command, now=now - timedelta(minutes=13)))


def test_a_symmetric_token_is_refused(signer: CommandSigner, command: Command) -> None:
    kid = signer.jwks()["keys"][0]["kid"]
    forged = jwt.encode({"jti": str(command.id)}, "x" * 32, "HS256", {"kid": kid})
    with pytest.raises(InvalidToken):
        verifier(signer).verify(forged)
