"""A request that is sent again with its key counts once."""

import asyncio

from api_support import Api
from httpx import Response

KEY = {"Idempotency-Key": "0b7c1c9a-5f0e-4a53-9c55-3a2f3f2f6f10"}
FORM = {"workshop": "WKSHP-API101", "name": "Ada", "email": "ada@example.org", "terms_version": "1"}


async def register(api: Api, **changes: str) -> Response:
    return await api.http.post("/api/v1/registrations", json=FORM | changes, headers=KEY)


async def test_the_same_request_is_answered_alike(api: Api) -> None:
    first, second = await register(api), await register(api)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert await api.value("SELECT count(*) FROM mails") == 1


async def test_twenty_at_once_make_one(api: Api) -> None:
    answers = await asyncio.gather(*(register(api) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["token"] for answer in answers}) == 1
    assert await api.value("SELECT count(*) FROM registrations") == 1


async def test_another_request_under_the_key_is_refused(api: Api) -> None:
    await register(api)
    refused = await register(api, email="bea@example.org")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await api.value("SELECT count(*) FROM registrations") == 1


async def test_a_key_that_can_be_guessed_is_refused(api: Api) -> None:
    answer = await api.http.post("/api/v1/registrations", json=FORM, headers={"Idempotency-Key": "1"})
    assert answer.status_code == 422
