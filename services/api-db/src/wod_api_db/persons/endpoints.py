"""A person's data over REST: for the holder of a personal link, and for the operator whom a person asks."""

from fastapi import APIRouter, Response

from wod_api_db.accounts.dependencies import Admin
from wod_api_db.app_state import SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.persons import repository, service
from wod_api_db.persons.schemas import AddressRequest, Erasure, PersonData, Scope
from wod_api_db.registrations.addresses import AddressDenied, address_key
from wod_api_db.registrations.service import by_token
from wod_common.problems import Forbidden, NotFound, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1", tags=["persons"])


@router.get("/registrations/{token}/data", responses=responses(NotFound))
async def export_mine(token: str, session: SessionDep, settings: SettingsDep, response: Response) -> PersonData:
    """Everything that is held under the address of this personal token."""
    response.headers["Cache-Control"] = "no-store"
    registration = await by_token(session, token, settings)
    scope, ids = await service.reached_by(session, registration)
    return await service.export(session, ids, registration.email_key, scope)


@router.delete("/registrations/{token}/data", responses=responses(NotFound))
async def erase_mine(token: str, session: SessionDep, settings: SettingsDep) -> Erasure:
    """Ends what runs and erases what leads to the person; the personal link is dead afterwards."""
    registration = await by_token(session, token, settings)
    scope, ids = await service.reached_by(session, registration)
    return await service.erase(session, ids, registration.email_key, scope, settings, reason="person")


@router.post("/persons/export", responses=responses(Unauthorized, Forbidden))
async def export_person(
    request: AddressRequest, session: SessionDep, settings: SettingsDep, admin: Admin, response: Response
) -> PersonData:
    """Everything that is held under an address, for the person who asks the operator for it."""
    response.headers["Cache-Control"] = "no-store"
    key = _key(request)
    ids = await repository.ids_of(session, key)
    name = service.audited_name(settings, key)
    await record(session, admin, "person.export", "person", name, registrations=len(ids))
    return await service.export(session, ids, key, Scope.ADDRESS)


@router.post("/persons/erase", responses=responses(Unauthorized, Forbidden))
async def erase_person(request: AddressRequest, session: SessionDep, settings: SettingsDep, admin: Admin) -> Erasure:
    """Ends what runs under an address and erases what leads to the person."""
    key = _key(request)
    ids = await repository.ids_of(session, key)
    erasure = await service.erase(session, ids, key, Scope.ADDRESS, settings, reason="operator")
    name = service.audited_name(settings, key)
    await record(session, admin, "person.erase", "person", name, registrations=erasure.registrations)
    return erasure


def _key(request: AddressRequest) -> str:
    """Raises Unprocessable, which does not repeat the address."""
    try:
        return address_key(request.email)
    except AddressDenied as error:
        raise Unprocessable(str(error), errors=[{"field": "email", "message": str(error)}]) from error
