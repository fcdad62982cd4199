"""What may be done to a mail from outside: sending it again, and learning that it has come back."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.accounts.tokens import Claims
from wod_api_db.audit.service import record
from wod_api_db.db import Job, enqueue, now
from wod_api_db.mail import repository
from wod_api_db.mail.bounces import Report
from wod_api_db.mail.delivering import reply_of, report_loss
from wod_api_db.mail.models import Mail
from wod_api_db.mail.outbox import SEND_MAIL
from wod_api_db.mail.schemas import BounceAnswer
from wod_api_db.mail.states import MailState
from wod_api_db.registrations import repository as registrations
from wod_api_db.registrations.models import Registration
from wod_api_db.states import MAIL
from wod_common.problems import Conflict, NotFound


async def get(session: AsyncSession, mail_id: UUID) -> Mail:
    """Raises NotFound."""
    found = await repository.find(session, mail_id)
    if found is None:
        raise NotFound(f"there is no mail {mail_id}; GET /api/v1/mails lists them")
    return found


async def send_again(session: AsyncSession, mail_id: UUID, claims: Claims) -> Mail:
    """The same mail under the same Message-ID, with all its tries before it. Raises NotFound and Conflict."""
    mail, registration = await _locked(session, mail_id)
    if mail.state is not MailState.FAILED and mail.bounced_at is None:
        raise Conflict(f"mail {mail_id} is {mail.state}: only one that failed or has come back is sent again")
    if registration is not None and not registration.email:
        raise Conflict(f"the person of mail {mail_id} was erased: nobody knows any more to whom it went")
    if registration is not None and registration.email != mail.recipient:
        raise Conflict(f"the address of mail {mail_id} was corrected since; what was in it went to the right one")
    mail.state = MAIL.check(mail.state, MailState.QUEUED)
    mail.attempts = 0
    mail.due_at = now
    mail.error = mail.sent_at = mail.bounced_at = None
    await session.flush()
    await session.refresh(mail, ["due_at"])
    await enqueue(session, Job(SEND_MAIL, mail.id))
    await record(session, claims, "mail.resend", "mail", mail.id, template=mail.template)
    return mail


async def take_report(session: AsyncSession, report: Report) -> BounceAnswer:
    """Raises NotFound. The same report again changes nothing.

    What a server says of a mail names its recipient, in any spelling: once the person is erased it is not kept.
    """
    if report.mail is None:
        raise NotFound("the report names no mail of ours, neither in the envelope id nor in the returned headers")
    mail, registration = await _locked(session, report.mail)
    if not report.failed:
        return BounceAnswer(mail=mail.id, outcome="no-failure")
    if mail.bounced_at is None:
        mail.bounced_at = now
        is_erased = registration is not None and not registration.email
        mail.error = None if is_erased else reply_of(report.words)
        await session.flush()
        if not is_erased:
            await report_loss(session, mail, registration, "mail-bounced", "came back")
    return BounceAnswer(mail=mail.id, outcome="bounced")


async def _locked(session: AsyncSession, mail_id: UUID) -> tuple[Mail, Registration | None]:
    found = await get(session, mail_id)
    registration = None
    if found.registration_id is not None:
        registration = await registrations.lock(session, found.registration_id)
    return await repository.lock(session, mail_id), registration
