"""Passwords in an LDAP directory, on a real slapd."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from slapd import ADMIN, ADMIN_PASSWORD, PEOPLE, PROGRAM, Slapd

from wod_backend_agent.delivery.base import Seat
from wod_backend_agent.directory import DirectoryFailed, LdapDirectory, LdapServer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no slapd on this machine: LDAP was NOT tried")
IMPATIENT = 0.5  # seconds
SEAT = Seat(7, Path("/srv/homes/student7"))


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("slapd"))
    server.start()
    server.fill()
    yield server
    server.stop()


@pytest.fixture
async def entry(slapd: Slapd) -> AsyncIterator[None]:
    slapd.add("student7", "of the seat before")
    yield
    slapd.remove("student7")


def directory(slapd: Slapd, **changes: object) -> LdapDirectory:
    given: dict[str, object] = {
        "url": slapd.url, "bind_dn": ADMIN, "password": SecretStr(ADMIN_PASSWORD),
        "user_dn": f"uid={{username}},{PEOPLE}", "ca": slapd.certificate,
    }  # fmt: skip
    return LdapDirectory(LdapServer(**(given | changes)), IMPATIENT)  # type: ignore[arg-type]


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("encrypted", ["starttls", "ldaps", "not"])
async def test_a_password_takes_the_place_of_the_old_one(slapd: Slapd, encrypted: str) -> None:
    changes: dict[str, object] = {"starttls": encrypted == "starttls"}
    url = {"url": slapd.tls_url} if encrypted == "ldaps" else {}
    await directory(slapd, **changes, **url).set_password(SEAT, "nü {{ }}")
    assert slapd.lets_in("student7", "nü {{ }}")
    assert not slapd.lets_in("student7", "of the seat before")
    found = slapd.attributes("student7")
    assert found
    assert found["userPassword"][0].startswith(b"{SSHA}")


async def test_an_entry_is_made_where_it_is_missing_and_only_for_a_new_password(slapd: Slapd) -> None:
    await directory(slapd).replace_password(SEAT, "another")
    assert slapd.attributes("student7") is None
    await directory(slapd).set_password(SEAT, "mine")
    assert slapd.lets_in("student7", "mine")
    await directory(slapd).replace_password(SEAT, "another")
    assert not slapd.lets_in("student7", "mine")
    slapd.remove("student7")


async def test_an_entry_that_cannot_be_made_is_refused_with_its_name(slapd: Slapd) -> None:
    nowhere = directory(slapd, user_dn="uid={username},ou=nowhere,dc=example,dc=org")
    with pytest.raises(DirectoryFailed, match=r"uid=student7,ou=nowhere.*noSuchObject"):
        await nowhere.set_password(SEAT, "mine")


@pytest.mark.parametrize("url", ["url", "tls_url"])
async def test_a_directory_with_a_strange_certificate_gets_nothing(slapd: Slapd, url: str) -> None:
    with pytest.raises(DirectoryFailed, match=r"(?i)certificate|tls"):
        await directory(slapd, url=getattr(slapd, url), ca=None).set_password(SEAT, "mine")
    assert slapd.attributes("student7") is None


async def test_a_refused_account_is_told_at_once_and_without_its_password(slapd: Slapd) -> None:
    wrong = LdapServer(slapd.url, ADMIN, SecretStr("wrong one"), f"uid={{username}},{PEOPLE}", ca=slapd.certificate)
    with pytest.raises(DirectoryFailed, match="invalidCredentials") as failed:
        await LdapDirectory(wrong, patience=3600).set_password(SEAT, "mine")
    assert "wrong one" not in str(failed.value)
    assert "mine" not in str(failed.value)


@pytest.mark.usefixtures("entry")
async def test_a_directory_that_is_away_fails_the_call_and_takes_it_later(slapd: Slapd) -> None:
    slapd.stop()
    try:
        with pytest.raises(DirectoryFailed, match="send the command again"):
            await directory(slapd).set_password(SEAT, "mine")
    finally:
        slapd.start()
    await directory(slapd).set_password(SEAT, "mine")
    assert slapd.lets_in("student7", "mine")
