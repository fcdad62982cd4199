"""Taking part: what the code tells, the speaker's own seat, asking for help and getting it."""

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts import repository as accounts
from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.classes import codes, repository, service
from wod_api_db.classes.errors import ClassFull, ClassUnknown, HelpRefused
from wod_api_db.classes.schemas import JoinView, SpeakerRequest
from wod_api_db.classes.states import state_of
from wod_api_db.db import now
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations import service as registering
from wod_api_db.registrations.addresses import DenyList
from wod_api_db.registrations.errors import WorkshopFull
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationRequest
from wod_api_db.registrations.service import AlreadyHeld
from wod_api_db.settings import Settings
from wod_api_db.states import HOLDING
from wod_common.problems import Conflict, NotFound


async def shown(session: AsyncSession, text: str) -> JoinView:
    """Raises ClassUnknown."""
    code = codes.read(text)
    found = await repository.by_code(session, code) if code is not None else None
    if found is None:
        raise ClassUnknown("no class has this code; take it once more from where you read it")
    taught, clock, left = found
    return JoinView(
        title=taught.title or taught.workshop.name,
        instructor=taught.instructor,
        workshop=taught.workshop.notebook,
        workshop_name=taught.workshop.name,
        location_name=taught.placement.location.name,
        state=state_of(taught, clock),
        starts_at=taught.starts_at,
        ends_at=taught.ends_at,
        opens_at=taught.opens_at,
        left=max(0, left),
    )


async def speak(
    session: AsyncSession,
    claims: Claims,
    class_id: int,
    request: SpeakerRequest,
    settings: Settings,
    deny: DenyList,
) -> Registration | AlreadyHeld:
    """The caller's account gets the speaker's seat, and the mails of a registration. Raises NotFound and Conflict."""
    found = await service.get(session, claims, class_id)
    if not found.taught.speaker_seat:
        raise Conflict(f"class {class_id} has no seat for whoever speaks; change it to have one")
    account = await accounts.read(session, claims.account_id)
    assert account is not None, "its token was looked up"
    form = RegistrationRequest(
        workshop=found.taught.workshop.notebook,
        name=request.name or account.username,
        email=account.email,
        terms_version=request.terms_version,
        join_code=found.taught.code,
    )
    try:
        made = await registering.register(session, form, settings, deny, speaks=True)
    except (ClassFull, WorkshopFull) as error:
        raise Conflict(
            "the speaker's seat is taken, or no seat is free at this moment; try again in a minute"
        ) from error
    if not isinstance(made, AlreadyHeld):
        await record(session, claims, "class.speak", "class", class_id)
    return made


async def ask_for_help(session: AsyncSession, registration: Registration, *, wanted: bool) -> None:
    """The registration is locked; again, it changes nothing. Raises HelpRefused."""
    if registration.class_id is None:
        raise HelpRefused("this lab belongs to no class, so there is no instructor to ask; write to the support")
    if registration.state not in HOLDING:
        raise HelpRefused(f"this session is {registration.state}: nobody can look into it any more")
    if wanted and registration.help_wanted_at is None:
        registration.help_wanted_at = now
        await session.flush()
        await session.refresh(registration, ["help_wanted_at"])
        await lifecycle.tell(session, registration, "help-wanted")
    elif not wanted:
        await _done(session, registration, "person")


async def help_done(session: AsyncSession, claims: Claims, class_id: int, registration_id: int) -> None:
    """Raises NotFound. Again, it changes nothing."""
    await service.get(session, claims, class_id)
    registration = await registrations.lock(session, registration_id)
    if registration is None or registration.class_id != class_id:
        raise NotFound(f"class {class_id} has no participant {registration_id}")
    if await _done(session, registration, "instructor"):
        await record(session, claims, "class.help-done", "class", class_id, registration=registration_id)


async def _done(session: AsyncSession, registration: Registration, by: str) -> bool:
    if registration.help_wanted_at is None:
        return False
    registration.help_wanted_at = None
    await session.flush()
    await lifecycle.tell(session, registration, "help-done", by=by)
    return True
