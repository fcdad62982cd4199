"""A crowd behind one address: whose address the api-db is told, and what somebody refused is shown."""

import httpx
import pytest
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import FilledForm, serve
from services.frontend.tests.portal_double import ApiDouble

from wod_common.problems import TooManyRequests
from wod_frontend.app import create_app
from wod_frontend.settings import Settings


async def registers_as(url: str, forwarded: str | None) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with httpx.AsyncClient(base_url=url, headers=headers) as client:
        assert (await FilledForm(client).send()).status_code == 303


async def test_the_api_is_told_the_visitors_address(portal_url: str, api: ApiDouble) -> None:
    for forwarded in (None, "198.51.100.7", "203.0.113.1, 198.51.100.8"):
        await registers_as(portal_url, forwarded)
    assert api.visitors == ["127.0.0.1", "198.51.100.7", "198.51.100.8"]


async def test_a_stranger_who_claims_an_address_is_not_believed(api_url: str, api: ApiDouble) -> None:
    secret = SecretStr("only-for-the-tests-of-the-portal")
    settings = Settings(api_url=AnyHttpUrl(api_url), secret=secret, trusted_proxies="192.0.2.1")
    async with serve(create_app(settings)) as url:
        await registers_as(url, "198.51.100.7")
    assert api.visitors == ["127.0.0.1"]


async def test_who_is_refused_keeps_the_form_and_is_told_to_wait(form: FilledForm, api: ApiDouble) -> None:
    api.refusal = TooManyRequests("more than 600 registrations from one network", headers={"Retry-After": "17"})
    answer = await form.send()
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "17"
    assert "Very many people register from your network right now" in answer.text
    assert 'value="grace@example.org"' in answer.text
    assert "600" not in answer.text


def test_a_mistyped_proxy_is_named_at_the_start() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        Settings(secret=SecretStr("only-for-the-tests-of-the-portal"), trusted_proxies="not-a-network")
