from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import SecretStr, ValidationError

from wod_api_db.accounts.tokens import LIFETIME, AccessTokens, InvalidAccessToken, Role


def now() -> datetime:
    """Of each test: tests are collected minutes before they run."""
    return datetime.now(UTC)


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(SecretStr("a secret of the service"))


@pytest.mark.parametrize(("role", "location"), [(Role.ADMIN, None), (Role.AGENT, 3)])
def test_a_token_comes_back_whole(tokens: AccessTokens, role: Role, location: int | None) -> None:
    claims = tokens.read(tokens.issue(7, "ada", role, location, now()))
    assert (claims.account_id, claims.username, claims.role, claims.location_id) == (7, "ada", role, location)
    assert abs(claims.expires_at - (now() + LIFETIME)) < timedelta(seconds=1)


def test_it_is_good_for_a_quarter_of_an_hour(tokens: AccessTokens) -> None:
    assert tokens.read(tokens.issue(7, "ada", Role.USER, None, now() - timedelta(minutes=14)))
    with pytest.raises(InvalidAccessToken, match="expired"):
        tokens.read(tokens.issue(7, "ada", Role.USER, None, now() - timedelta(minutes=16)))


def test_another_services_secret_makes_no_token(tokens: AccessTokens) -> None:
    foreign = AccessTokens(SecretStr("another secret"))
    with pytest.raises(InvalidAccessToken):
        tokens.read(foreign.issue(7, "ada", Role.ADMIN, None, now()))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä" * 40])
def test_nonsense_is_refused(tokens: AccessTokens, text: str) -> None:
    with pytest.raises(InvalidAccessToken):
        tokens.read(text)


def test_an_unsigned_token_is_refused(tokens: AccessTokens) -> None:
    claims = jwt.decode(tokens.issue(7, "ada", Role.ADMIN, None, now()), options={"verify_signature": False})
    with pytest.raises(InvalidAccessToken):
        tokens.read(jwt.encode(claims, "", "none"))


@pytest.mark.parametrize(("role", "location"), [(Role.AGENT, None), (Role.ADMIN, 3)])
def test_only_agents_have_a_location(tokens: AccessTokens, role: Role, location: int | None) -> None:
    with pytest.raises(ValidationError):
        tokens.issue(7, "ada", role, location, now())


def test_the_secret_is_not_in_the_repr(tokens: AccessTokens) -> None:
    assert "a secret" not in repr(tokens)
