"""``wod doctor`` finds what is wrong with an installation and names the mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_platform import WORKSHOP, Platform, Terminal
from doctor_world import Gate, Web, certificate, smtp
from locations_support import HOUSTON, beat

from wod_cli import probes
from wod_cli.client import Api
from wod_cli.failures import NotReachable
from wod_common.tokens import CommandSigner, generate_private_pem
from wod_demo.ports import free_port


@dataclass
class World:
    """A healthy installation."""

    platform: Platform
    operator: Terminal
    hub: Web
    gate: Gate

    async def examined(self, *words: object, **environment: str) -> tuple[int, list[dict[str, Any]]]:
        """Exit code, and what is not well."""
        ran = await self.operator.run("doctor", *words, "--json", **environment)
        return ran.status, [item for item in ran.document["items"] if not item["ok"]]

    async def only(self, check: str, *words: object, **environment: str) -> dict[str, Any]:
        """The one thing that is not well."""
        status, [finding] = await self.examined(*words, **environment)
        assert (status, finding["check"]) == (1, check)
        assert finding["mend"]
        return finding

    def set(self, **settings: object) -> None:
        state = self.platform.api.app.state
        state.settings = state.settings.model_copy(update=settings)

    async def locate(self, **columns: object) -> None:
        for column, value in columns.items():
            await self.platform.api.change(f"UPDATE locations SET {column} = :value", value=value)


class Relay:
    """aiosmtpd's own answers will do."""


@pytest.fixture
async def world(platform: Platform, operator: Terminal) -> AsyncIterator[World]:
    hub, gate = Web(), Gate(platform.api.app.state.settings.signer)
    world = World(platform, operator, hub, gate)
    with ExitStack() as stack:
        world.set(relay_port=stack.enter_context(smtp(Relay())))
        await world.locate(hub_url=stack.enter_context(hub.served()), gate_port=stack.enter_context(smtp(gate)))
        await platform.api.change("INSERT INTO workers (id, seen_at) VALUES ('test', now() + interval '1 hour')")
        await beat(platform.api, version="0.1.0")
        yield world


async def test_a_healthy_installation_is_well(world: World) -> None:
    ran = await world.operator.run("doctor", "--json", "--hub-token-of", 1, WOD_HUB_TOKEN="secret-of-the-hub")
    assert (ran.status, [item for item in ran.document["items"] if not item["ok"]]) == (0, []), ran.out
    looked = {item["check"] for item in ran.document["items"]}
    assert {"api-db", "worker", "schema", "relay", "commands", "hub", "clock", "disk", "hub token"} <= looked
    assert "secret-of-the-hub" not in ran.out + ran.err


async def test_a_wrong_key(world: World) -> None:
    world.gate.trust(CommandSigner.from_pem(generate_private_pem()))
    assert "WOD_API_COMMAND_KEY" in (await world.only("commands"))["mend"]


async def test_a_certificate_that_has_expired_or_soon_will(world: World, tmp_path: Path) -> None:
    for days, said in ((-1, "expired"), (5, "good until")):
        pem = certificate(tmp_path, ends=datetime.now(UTC) + timedelta(days=days))
        with world.hub.served(pem) as address:
            await world.locate(hub_url=address)
            finding = await world.only("certificate", SSL_CERT_FILE=str(pem))
            assert said in finding["detail"]
            assert "renew" in finding["mend"]


async def test_an_authority_of_ones_own_is_believed_where_it_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, ends=datetime.now(UTC) + timedelta(days=80))
    with world.hub.served(pem) as address, Api(f"{address}/api/v1/", 5, way_out="") as unknowing:
        with pytest.raises(NotReachable, match="certificate verify failed"):
            unknowing.get("locations")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with Api(f"{address}/api/v1/", 5, way_out="") as api:
            assert "scopes" in api.get("locations")
        assert probes.hub_token(address, "token").ok


async def test_a_clock_that_is_five_minutes_off(world: World) -> None:
    world.hub.off = timedelta(minutes=5)
    finding = await world.only("clock")
    assert finding["detail"].startswith(("is +300 s", "is +299 s"))
    assert "NTP" in finding["mend"]


async def test_a_full_disk(world: World) -> None:
    await beat(world.platform.api, version="0.1.0", disk_free=2**20)
    assert "make room" in (await world.only("disk"))["mend"]


async def test_a_dead_relay(world: World) -> None:
    world.set(relay_port=free_port())
    assert "WOD_API_RELAY_HOST" in (await world.only("relay"))["mend"]


async def test_a_hub_that_is_down(world: World) -> None:
    await world.locate(hub_url=f"http://127.0.0.1:{free_port()}")
    assert "start the hub of Grenoble" in (await world.only("hub"))["mend"]
    await beat(world.platform.api, version="0.1.0", hub=False)
    _, found = await world.examined()
    assert [finding["check"] for finding in found] == ["hub", "location"]


async def test_a_token_with_too_much_scope(world: World) -> None:
    world.hub.scopes.append("admin:users")
    finding = await world.only("hub token", "--hub-token-of", 1, WOD_HUB_TOKEN="secret-of-the-hub")
    assert finding["detail"] == "can do too much: admin:users"
    assert "scopes servers" in finding["mend"]


async def test_an_old_schema(world: World) -> None:
    await world.platform.api.change("UPDATE alembic_version SET version_num = '0001'")
    assert "wod db upgrade" in (await world.only("schema"))["mend"]


async def test_locations_whose_seats_have_the_same_ids(world: World) -> None:
    await world.platform.api.change("ALTER TABLE locations DROP CONSTRAINT locations_seats_do_not_overlap")
    columns = {name: HOUSTON[name] for name in ("id", "name", "fqdn", "gate_host", "hub_url")}
    values = ", ".join(f":{name}" for name in columns)
    await world.platform.api.change(
        f"INSERT INTO locations ({', '.join(columns)}, basestdid, seats, gate_port) VALUES ({values}, 1030, 10, 1)",
        **columns,
    )
    await world.platform.api.change(
        "INSERT INTO students (id, location_id, number) SELECT 5000 + n, 2, n FROM generate_series(1, 10) AS n"
    )
    _, found = await world.examined()
    [finding] = [finding for finding in found if finding["check"] == "basestdid"]
    assert "seats up to 1040, and those of Houston begin at 1031" in finding["detail"]
    assert "basestdid of 1040" in finding["mend"]


async def test_a_gate_that_cannot_be_reached(world: World) -> None:
    await world.locate(gate_port=free_port())
    assert "gate_port" in (await world.only("commands"))["mend"]


async def test_a_lab_for_the_test_is_made_mailed_ended_and_cleaned(world: World) -> None:
    api, agent = world.platform.api, world.platform.agent

    async def outstanding() -> list[Any]:
        return await api.rows("SELECT verb FROM commands WHERE finished_at IS NULL")

    async def everybody_else() -> None:
        for verb, result in (("CREATE", {"password": "pass-word-1"}), ("CLEANUP", {}), ("PURGE", {})):
            while await outstanding() != [(verb,)]:  # noqa: ASYNC110 - rows have no event
                await asyncio.sleep(0.05)  # poll: the command under test decides when
            await agent.finish(verb, **result)
            await api.change("UPDATE mails SET state = 'sent', sent_at = now()")

    words = ("doctor", "--register", WORKSHOP, "--email", "doctor@example.org", "--json")
    ran, _ = await asyncio.gather(world.operator.run(*words), everybody_else())
    found = {item["check"]: item["detail"] for item in ran.document["items"]}
    assert ran.status == 0, ran.out
    assert all(found[step].startswith("took") for step in ("lab", "credentials", "cleaning"))
    assert await api.rows("SELECT state, end_reason FROM registrations") == [("ended", "operator")]
    assert "--email" in await world.operator.refused(2, "doctor", "--register", WORKSHOP)


async def test_a_lab_that_does_not_come_is_told_and_taken_back(world: World) -> None:
    words = ("--register", WORKSHOP, "--email", "doctor@example.org", "--patience", "0.01")
    assert "have not ended" in (await world.only("lab", *words))["detail"]
    assert await world.platform.api.rows("SELECT state FROM registrations") == [("cancelled",)]
    nowhere = ("--register", "WKSHP-Nowhere", "--email", "doctor@example.org")
    assert "WKSHP-Nowhere" in (await world.only("registration", *nowhere))["detail"]
