"""The service's secret is exchanged while people are in their labs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from api_support import ADMIN, AgentDouble, Api
from pydantic import SecretStr

from wod_api_db.app import create_app
from wod_api_db.resealing import reseal
from wod_api_db.settings import Settings
from wod_common.sealing import CannotOpen

NEW = SecretStr("the new secret of the service: " * 2)
Serving = Callable[[Settings], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def serving() -> Serving:
    @asynccontextmanager
    async def serve(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client,
        ):
            yield client

    return serve


def exchanged(settings: Settings, secret: SecretStr, other: SecretStr | None) -> Settings:
    # cached signers and sealers are not copied
    return Settings.model_validate(settings.model_dump() | {"secret": secret, "secret_other": other})


async def test_links_logins_and_passwords_outlive_the_exchange_and_end_with_the_old_secret(
    settings: Settings, api: Api, agent: AgentDouble, serving: Serving
) -> None:
    registered = (await api.register()).json()
    await agent.finish("CREATE", password="hunter2")
    headers = await api.login(ADMIN)
    sealed = await api.value("SELECT sealed_password FROM students WHERE sealed_password IS NOT NULL")
    place = f"/api/v1/registrations/{registered['token']}"
    correction = {"email": "ada@example.com", "browser_key": registered["browser_key"]}

    both = exchanged(settings, NEW, settings.secret)
    async with serving(both) as client:
        assert (await client.get(place)).status_code == 200
        assert (await client.get("/api/v1/registrations", headers=headers)).status_code == 200
        assert (await client.get(place)).json()["token"] != registered["token"]
        assert both.passwords.open(sealed) == "hunter2"
    assert await reseal(both) == 1
    [(resealed,)] = await api.rows("SELECT sealed_password FROM students WHERE sealed_password IS NOT NULL")

    alone = exchanged(settings, NEW, None)
    async with serving(alone) as client:
        assert (await client.get(place)).status_code == 404
        assert (await client.get("/api/v1/registrations", headers=headers)).status_code == 401
        assert (await client.post(f"{place}/address", json=correction)).status_code == 404
    assert alone.passwords.open(resealed) == "hunter2"
    with pytest.raises(CannotOpen):
        alone.passwords.open(sealed)


async def test_a_secret_that_neither_opens_leaves_all_as_it_was(settings: Settings, api: Api) -> None:
    ours = settings.passwords.seal("hunter2")
    await api.change("UPDATE students SET sealed_password = CASE WHEN number = 1 THEN :ours ELSE 'x' END", ours=ours)
    with pytest.raises(CannotOpen):
        await reseal(exchanged(settings, NEW, settings.secret))
    assert await api.value("SELECT sealed_password FROM students WHERE number = 1") == ours
