"""``/api/customer``: registrations."""

from typing import Any

from fastapi import Response

from wod_api_db.app_state import DenyListDep, SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.legacy import back_end, registering, repository, views
from wod_api_db.legacy.access import Admin, Moderator
from wod_api_db.legacy.answers import TOKEN, Answer, Empty, answers, failed
from wod_api_db.legacy.routing import CustomerId, legacy_router
from wod_api_db.legacy.schemas import CustomerAnswer, CustomerChange, CustomerRequest, CustomerRow, RunningAnswer
from wod_api_db.limits import LimitedRegistration
from wod_api_db.persons import service as persons
from wod_api_db.persons.schemas import Scope
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration

router = legacy_router()

_POSTED: dict[int | str, Any] = answers(empty=True, refusals=(409, 429))
_POSTED[202] = {
    "model": RunningAnswer,
    "content": {"text/html": {"schema": {"type": "string"}}},
    "description": "The running registration of this address, or why there is no room",
}


@router.post(
    "/customer",
    response_model=CustomerAnswer | RunningAnswer,
    responses=_POSTED,
    dependencies=[LimitedRegistration],
)
async def register(
    request: CustomerRequest, response: Response, session: SessionDep, settings: SettingsDep, deny: DenyListDep
) -> CustomerAnswer | RunningAnswer:
    """A registration. An address that is not taken is answered with 200 and nothing, as the original does."""
    answer = await registering.register(session, request, settings, deny)
    if isinstance(answer, RunningAnswer):
        response.status_code = 202
    return answer


@router.get("/customers", responses=answers(refusals=TOKEN))
async def list_customers(session: SessionDep, _: Moderator) -> list[CustomerRow]:
    """The latest 5000 that still name a person."""
    return await views.customers(session, await repository.latest(session))


@router.get("/customers/{customer_id}", responses=answers(text=400, refusals=TOKEN))
async def show_customer(customer_id: CustomerId, session: SessionDep, _: Moderator) -> CustomerRow:
    registration = await registrations.read(session, customer_id)
    if registration is None or registration.student_id is None or registration.pseudonymised_at is not None:
        raise Answer(400, "Customer Not Found")
    return await views.customer(session, registration)


@router.put("/customer/unregister/{customer_id}", responses=answers(refusals=TOKEN))
async def unregister(customer_id: CustomerId, session: SessionDep, claims: Moderator) -> CustomerRow:
    """Ends the session, or cancels it; again, it answers how things stand."""
    registration = await _locked(session, customer_id)
    await lifecycle.end(session, registration, reason="person")
    await record(session, claims, "registration.end", "registration", customer_id)
    return await _shown(session, registration)


@router.put("/customer/{customer_id}", responses=answers(refusals=TOKEN))
async def change_customer(
    customer_id: CustomerId, change: CustomerChange, session: SessionDep, settings: SettingsDep, claims: Moderator
) -> CustomerRow:
    """A back end's report. What does not follow from the registration's state is noted and changes nothing."""
    registration = await _locked(session, customer_id)
    await back_end.of_registration(session, settings, registration, change)
    reported = change.model_dump(exclude_none=True)
    await record(session, claims, "registration.report", "registration", customer_id, **reported)
    return await _shown(session, registration)


@router.delete("/customer/{customer_id}", response_model=Empty, responses=answers(refusals=TOKEN))
async def delete_customer(customer_id: CustomerId, session: SessionDep, settings: SettingsDep, claims: Admin) -> Empty:
    """Ends the session and erases the person; the nameless row is shown until the back end has cleaned the seat."""
    registration = await _locked(session, customer_id)
    key = registration.email_key
    await persons.erase(session, [customer_id], key, Scope.REGISTRATION, settings, reason="operator")
    await record(session, claims, "registration.erase", "registration", customer_id)
    return Empty()


async def _locked(session: SessionDep, customer_id: int) -> Registration:
    registration = await registrations.lock(session, customer_id)
    if registration is None or registration.student_id is None:
        raise failed()
    return registration


async def _shown(session: SessionDep, registration: Registration) -> CustomerRow:
    await session.flush()
    fresh = await registrations.lock(session, registration.id)  # the database's clock set some of it
    assert fresh is not None
    return await views.customer(session, fresh)
