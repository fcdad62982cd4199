"""What an installation begins with: a location and its seats, accounts, workshops."""

from pathlib import Path

from pydantic import BaseModel, SecretStr
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import hash_password, verify_password
from wod_api_db.accounts.tokens import Role
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.locations.models import Location
from wod_api_db.settings import Settings
from wod_api_db.students.models import Student
from wod_api_db.workshops.sync_report import SyncReport
from wod_api_db.workshops.synchronising import synchronise, wait_for_lock


class LocationSeed(BaseModel):
    id: int
    name: str
    fqdn: str
    basestdid: int
    seats: int
    gate_host: str
    gate_port: int
    hub_url: str


class AccountSeed(BaseModel):
    username: str
    password: SecretStr
    email: str = ""


class Seed(BaseModel):
    """The file that ``seed`` reads. Applied again it updates, and takes nothing away but workshops that are gone."""

    location: LocationSeed
    admin: AccountSeed
    agent: AccountSeed
    notebooks: list[Path]


async def seed(settings: Settings, content: Seed) -> SyncReport:
    """What was taken, and what was refused with file, line and reason."""
    engine = make_engine(settings, pool_size=1)
    async with make_sessions(engine).begin() as session:
        await _upsert_location(session, content.location)
        await _add_seats(session, content.location)
        await _upsert_account(session, content.admin, Role.ADMIN, None)
        await _upsert_account(session, content.agent, Role.AGENT, content.location.id)
        await wait_for_lock(session)
        report = await synchronise(session, content.notebooks, home=content.location.id)
    await engine.dispose()
    return report


async def _upsert_location(session: AsyncSession, location: LocationSeed) -> None:
    values = location.model_dump()
    statement = insert(Location).values(values)
    await session.execute(statement.on_conflict_do_update(index_elements=[Location.id], set_=values))


async def _add_seats(session: AsyncSession, location: LocationSeed) -> None:
    rows = [
        {"id": location.basestdid + number, "location_id": location.id, "number": number}
        for number in range(1, location.seats + 1)
    ]
    await session.execute(insert(Student).on_conflict_do_nothing(), rows)


async def _upsert_account(session: AsyncSession, account: AccountSeed, role: Role, location_id: int | None) -> None:
    query = select(Account).where(Account.username == account.username)
    found = (await session.execute(query)).scalar_one_or_none()
    password = account.password.get_secret_value()
    if found is None:
        found = Account(username=account.username, role=role, location_id=location_id, email=account.email)
        session.add(found)
    elif await verify_password(password, found.password_hash):
        return
    found.password_hash = await hash_password(password)
