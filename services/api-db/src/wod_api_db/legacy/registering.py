"""``POST /customer``: a registration by our rules, answered in the original's words."""

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.legacy import repository
from wod_api_db.legacy.answers import Answer, failed
from wod_api_db.legacy.schemas import CustomerAnswer, CustomerRequest, RunningAnswer
from wod_api_db.legacy.views import PROXY, end_of
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations import service
from wod_api_db.registrations.addresses import AddressDenied, DenyList, check_address
from wod_api_db.registrations.errors import RegistrationPaused, WorkshopFull, WorkshopNowhere, WorkshopUnknown
from wod_api_db.registrations.schemas import RegistrationRequest
from wod_api_db.settings import Settings
from wod_api_db.workshops.models import Workshop

TERMS = "legacy"
_FULL = "Registration full, capacity exceeded. Please try again later"
_NO_SEAT = "Registration full, no student account. Please try again later"
_NOWHERE = "No location available for this workshop - contact admin team"


async def register(
    session: AsyncSession, request: CustomerRequest, settings: Settings, deny: DenyList
) -> CustomerAnswer | RunningAnswer:
    """Raises Answer."""
    workshop = await repository.open_workshop(session, request.session_name or request.title or "")
    if workshop is None:
        raise failed()
    key = _address_key(request.email, deny)
    try:
        made = await service.register(session, _native(request, workshop), settings, deny)
    except WorkshopUnknown as error:
        raise failed() from error
    except WorkshopNowhere as error:
        raise Answer(202, _NOWHERE) from error
    except RegistrationPaused as error:
        raise Answer(202, str(error)) from error
    except WorkshopFull as error:
        raise Answer(202, _why_full(await repository.has_capacity(session, workshop.id))) from error
    if isinstance(made, service.AlreadyHeld):
        return await _running(session, key)
    assert made.student_id is not None
    return CustomerAnswer(id=made.id, name=made.name, email=made.email, student_id=made.student_id, proxy=PROXY)


def _why_full(capacity: list[bool]) -> str:
    if not capacity:
        return _NOWHERE
    return _NO_SEAT if any(capacity) else _FULL


def _address_key(email: str, deny: DenyList) -> str:
    try:
        return check_address(email, deny).key
    except AddressDenied as error:
        raise Answer(200, "") from error


def _native(request: CustomerRequest, workshop: Workshop) -> RegistrationRequest:
    try:
        return RegistrationRequest(
            workshop=workshop.notebook,
            name=" ".join(word.capitalize() for word in request.name.split()),
            email=request.email,
            company=request.company or "",
            terms_version=TERMS,
        )
    except ValidationError as error:  # a name of blanks
        raise failed() from error


async def _running(session: AsyncSession, key: str) -> RunningAnswer:
    holder = await registrations.holding(session, key)
    registration = await registrations.read(session, holder.id) if holder else None
    if registration is None:  # it has ended this very moment
        raise Answer(202, _FULL)
    return RunningAnswer(id=registration.id, title=registration.workshop.name, end_date=end_of(registration))
