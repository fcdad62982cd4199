"""Shows persons what is held of them, and erases it."""

import hmac
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.classes import rosters_repository as rosters
from wod_api_db.classes.models import Invitation
from wod_api_db.feedback import repository as feedback
from wod_api_db.feedback.models import Feedback
from wod_api_db.persons import repository
from wod_api_db.persons.pseudonymising import pseudonymise
from wod_api_db.persons.schemas import (
    AwardedBadge,
    Consent,
    Erasure,
    GivenFeedback,
    HeldInvitation,
    PersonData,
    RegistrationData,
    Scope,
    SentMail,
    StoryEvent,
)
from wod_api_db.registrations import lifecycle
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings


def proves_address(registration: Registration) -> bool:
    """Whether the holder of the personal token has shown that the mailbox is his.

    Whoever registers gets a token at once, whatever address he typed. Only the mail holds the password, so a
    login shows that the mail was read.
    """
    login, correction = registration.first_login_at, registration.corrected_at
    return login is not None and (correction is None or correction < login)


async def reached_by(session: AsyncSession, registration: Registration) -> tuple[Scope, Sequence[int]]:
    """What the holder of this registration's token may ask for."""
    if not proves_address(registration):
        return Scope.REGISTRATION, [registration.id]
    return Scope.ADDRESS, await repository.ids_of(session, registration.email_key)


def audited_name(settings: Settings, email_key: str) -> str:
    """What the audit calls a person: two acts on one address can be told to be so, the address cannot be read."""
    return hmac.digest(settings.key("audited-persons"), email_key.encode(), "sha256").hex()


async def export(session: AsyncSession, ids: Sequence[int], email_key: str, scope: Scope) -> PersonData:
    stories: dict[int, list[StoryEvent]] = defaultdict(list)
    for event in await repository.stories(session, ids):
        stories[event.registration_id].append(
            StoryEvent(at=event.at, type=event.type, state=event.state, data=event.data)
        )
    mails: dict[int | None, list[SentMail]] = defaultdict(list)
    for mail in await repository.mails(session, ids):
        mails[mail.registration_id].append(SentMail.model_validate(mail, from_attributes=True))
    badges: dict[int, list[AwardedBadge]] = defaultdict(list)
    for badge in await repository.badges(session, ids):
        badges[badge.registration_id].append(
            AwardedBadge(
                workshop=badge.workshop.notebook if badge.workshop else None,
                special=badge.special.name if badge.special else None,
                awarded_at=badge.awarded_at,
            )
        )
    given = {one.registration_id: one for one in await feedback.of_registrations(session, ids)}
    rows = await repository.read(session, ids)
    shown = [_shown(row, stories[row.id], mails[row.id], badges[row.id], given.get(row.id)) for row in rows]
    invitations = await rosters.of_person(session, email_key) if scope is Scope.ADDRESS else ()
    return PersonData(scope=scope, registrations=shown, invitations=[_invitation(row) for row in invitations])


def _invitation(row: Invitation) -> HeldInvitation:
    return HeldInvitation(
        title=row.taught.title or row.taught.workshop.name,
        instructor=row.taught.instructor,
        email=row.email,
        name=row.name,
        invited_at=row.created_at,
    )


def _shown(
    row: Registration,
    story: list[StoryEvent],
    mails: list[SentMail],
    badges: list[AwardedBadge],
    given: Feedback | None,
) -> RegistrationData:
    return RegistrationData(
        id=row.id,
        state=row.state,
        workshop=row.workshop.notebook,
        location=row.location.name if row.location else "",
        username=row.student.username if row.student else "",
        name=row.name,
        email=row.email,
        company=row.company,
        consent=Consent(terms_version=row.terms_version, accepted_at=row.terms_accepted_at),
        created_at=row.created_at,
        ready_at=row.ready_at,
        first_login_at=row.first_login_at,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        extensions=row.extensions,
        completion=row.completion,
        story=story,
        mails=mails,
        badges=badges,
        feedback=GivenFeedback.model_validate(given, from_attributes=True) if given else None,
    )


async def erase(
    session: AsyncSession, ids: Sequence[int], email_key: str, scope: Scope, settings: Settings, *, reason: str
) -> Erasure:
    """What runs or waits is ended first, for this ``reason``. Locks in the order of the ids."""
    erased = uncleaned = 0
    for identity in sorted(ids):
        registration = await registrations.lock(session, identity)
        if registration is None or registration.email_key != email_key:  # its address was corrected meanwhile
            continue
        await lifecycle.end(session, registration, reason=reason)
        await pseudonymise(session, registration, settings)
        erased += 1
        uncleaned += registration.student_id is not None and registration.cleaned_at is None
    if scope is Scope.ADDRESS:  # it may have been kept without any registration: after a correction
        await repository.forget_optout(session, email_key)
        await rosters.forget(session, [row.id for row in await rosters.of_person(session, email_key)])
    return Erasure(scope=scope, registrations=erased, seats_being_cleaned=uncleaned)
