"""Classes as their instructors see them on the wire."""

from wod_api_db.classes import codes
from wod_api_db.classes.models import Invitation
from wod_api_db.classes.repository import Figures
from wod_api_db.classes.schemas import ClassView, InvitationView, Participant
from wod_api_db.classes.states import state_of
from wod_api_db.mail.states import MailState
from wod_api_db.registrations.models import Registration
from wod_api_db.settings import Settings


def view(found: Figures, settings: Settings) -> ClassView:
    taught = found.taught
    unclaimed = max(0, taught.seats + taught.speaker_seat - found.joined)
    code = codes.written(taught.code)
    return ClassView(
        id=taught.id,
        state=state_of(taught, found.now),
        title=taught.title or taught.workshop.name,
        instructor=taught.instructor,
        workshop=taught.workshop.notebook,
        workshop_name=taught.workshop.name,
        location=taught.placement.location_id,
        location_name=taught.placement.location.name,
        seats=taught.seats,
        speaker_seat=taught.speaker_seat,
        starts_at=taught.starts_at,
        ends_at=taught.ends_at,
        opens_at=taught.opens_at,
        deploy_from=taught.deploy_from,
        code=code,
        join_url=f"{settings.portal_url.rstrip('/')}/join/{code}",
        invited=found.invited,
        joined=found.joined,
        labs_ready=min(unclaimed, found.labs_ready),
        help_wanted=found.help_wanted,
        created_at=taught.created_at,
        ended_at=taught.ended_at,
        end_reason=taught.end_reason,
    )


def participant(row: Registration) -> Participant:
    return Participant(
        id=row.id,
        name=row.name,
        email=row.email,
        username=row.student.username if row.student else "",
        speaks=row.speaks,
        state=row.state,
        created_at=row.created_at,
        ready_at=row.ready_at,
        first_login_at=row.first_login_at,
        completion=row.known_completion,
        help_wanted_at=row.help_wanted_at,
        ended_at=row.ended_at,
    )


def invitation(invited: Invitation, mail: MailState | None, joined: bool) -> InvitationView:
    return InvitationView(
        id=invited.id, email=invited.email, name=invited.name, created_at=invited.created_at, mail=mail, joined=joined
    )
