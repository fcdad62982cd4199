"""A trial mail: what the relay says when it is handed a whole message, and whether the roads to the locations are open."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from wod_api_db.accounts.dependencies import Admin
from wod_api_db.app_state import SessionsDep, SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.diagnosis import probes
from wod_api_db.diagnosis.schemas import Diagnosis
from wod_api_db.mail.outbox import message_id
from wod_api_db.mail.rendering import one_line
from wod_api_db.mail.sending import LONG_HEADERS
from wod_api_db.registrations.addresses import AddressDenied, DenyList, check_address
from wod_api_db.settings import Settings
from wod_api_db.wishes.repository import locations
from wod_common.problems import Forbidden, Unauthorized, Unprocessable, responses

router = APIRouter(prefix="/api/v1/mails", tags=["mails"])

_TEXT = """\
This is a trial. Whoever runs {brand} has asked for it, to see whether mails arrive.

If it lies with what is unwanted, look at SPF, DKIM and DMARC of {sender}'s domain.
"""


class TrialMail(BaseModel):
    """Where it goes: a mailbox that you can look into."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"recipient": "me@example.org"}]})

    recipient: Annotated[str, Field(max_length=254, pattern=r"^[^\x00]*$")]


@router.post("/test", responses=responses(Unauthorized, Forbidden, Unprocessable))
async def send_trial(trial: TrialMail, sessions: SessionsDep, settings: SettingsDep, admin: Admin) -> Diagnosis:
    """Hands a mail to the relay at once, not through the queue, and sends a signed look down the road to each location.

    Some ten seconds where somebody does not answer.
    """
    try:
        recipient = check_address(trial.recipient, DenyList()).email
    except AddressDenied as error:
        raise Unprocessable(str(error), errors=[{"field": "recipient", "message": str(error)}]) from error
    async with sessions.begin() as session:
        known = list(await locations(session))
        await record(session, admin, "mail.test", "mail", "test", domain=recipient.rpartition("@")[2])
    # no transaction is open while others are waited for
    return Diagnosis(items=await probes.deliveries(settings, _letter(recipient, settings), recipient, known))


def _letter(recipient: str, settings: Settings) -> EmailMessage:
    brand = one_line(settings.brand)
    message = EmailMessage(LONG_HEADERS)
    message["From"] = settings.mail_sender
    message["To"] = recipient
    message["Subject"] = f"A trial mail of {brand}"
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = message_id(uuid4())
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT.format(brand=brand, sender=settings.mail_sender))
    return message
