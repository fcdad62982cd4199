"""Looks at what only the api-db can reach: its schema, its relay, and the way of a signed command to each location."""

import asyncio
from email.message import EmailMessage
from uuid import uuid4

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands.transports import (
    AgentAccess,
    CommandTransport,
    Dispatch,
    PermanentSendingFailure,
    RestTransport,
    SmtpTransport,
    TemporarySendingFailure,
)
from wod_api_db.diagnosis.schemas import Finding
from wod_api_db.locations.models import Location, Transport
from wod_api_db.mail.sending import MailFailure, PermanentMailFailure, SmtpRelay
from wod_api_db.migrating import MIGRATIONS
from wod_api_db.settings import Settings
from wod_common.commands import Command, Verb
from wod_common.wod_yml import LAST_STUDENT

_NO_RELAY = "start the relay, or correct WOD_API_RELAY_HOST, _PORT, _TLS and the login; until then no mail leaves"
#: how the gate and the agent begin what they say of a command that they do not take for ours
_NOT_OURS = ("the token's key is not known", "the token is not valid", "401", "403")


async def schema(session: AsyncSession) -> Finding:
    wanted = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    found = (await session.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    if found == wanted:
        return Finding(check="schema", subject="database", ok=True, detail=f"is that of this release, {wanted}")
    mend = "stop the api-db, make a backup, and run wod db upgrade (python -m wod_api_db.manage migrate)"
    detail = f"is {found}, and this release wants {wanted}"
    return Finding(check="schema", subject="database", ok=False, detail=detail, mend=mend)


async def relay(settings: Settings) -> Finding:
    """Connects, and logs in where a login is set; sends nothing."""
    try:
        await _relay_of(settings).greet()
    except MailFailure as error:
        return Finding(check="relay", subject=_relay(settings), ok=False, detail=str(error), mend=_NO_RELAY)
    return Finding(check="relay", subject=_relay(settings), ok=True, detail="answers")


async def delivery(settings: Settings, message: EmailMessage, recipient: str) -> Finding:
    """Hands it to the relay, which may still send it back later."""
    try:
        await _relay_of(settings).send(message, settings.mail_sender, recipient)
    except PermanentMailFailure as error:
        mend = "look at the address, at WOD_API_MAIL_SENDER, and at what the relay lets us send"
        return Finding(check="mail", subject=_relay(settings), ok=False, detail=str(error), mend=mend)
    except MailFailure as error:
        return Finding(check="mail", subject=_relay(settings), ok=False, detail=str(error), mend=_NO_RELAY)
    taken = f"has taken {message['Message-ID']} for {recipient}"
    return Finding(check="mail", subject=_relay(settings), ok=True, detail=taken)


def _relay(settings: Settings) -> str:
    return f"{settings.relay_host}:{settings.relay_port}"


def _relay_of(settings: Settings) -> SmtpRelay:
    return SmtpRelay(
        settings.relay_host,
        settings.relay_port,
        settings.relay_username,
        settings.relay_password,
        settings.relay_tls,
    )


async def road(settings: Settings, location: Location) -> Finding:
    """Sends a signed look at a seat that no location has: who takes the signature refuses the seat."""
    transport: CommandTransport = SmtpTransport(settings)
    if location.transport is Transport.REST:
        transport = RestTransport(settings)
    where = location.agent_url or f"{location.gate_host}:{location.gate_port}"
    subject = f"{location.name}, {where}"
    try:
        await transport.send(_nobodys(location))
    except TemporarySendingFailure as error:
        ok, detail = False, str(error)
        mend = "start the gate and the agent, look at the firewall, and at the location's gate_host, gate_port or agent_url"
    except PermanentSendingFailure as error:
        ok, detail = not any(sign in str(error) for sign in _NOT_OURS), str(error)
        mend = "give the gate the public half of WOD_API_COMMAND_KEY (its key file), or the location the agent's token"
    else:
        ok, detail = True, "takes our commands"
    if ok:
        return Finding(check="commands", subject=subject, ok=True, detail="takes our commands")
    return Finding(check="commands", subject=subject, ok=False, detail=detail, mend=mend)


def _nobodys(location: Location) -> Dispatch:
    command = Command(
        id=uuid4(),
        verb=Verb.VERIFY,
        location=location.id,
        student=LAST_STUDENT,
        workshop="WKSHP-Doctor",
        generation=1,
        sequence=1,
    )
    agent = None
    if location.transport is Transport.REST:
        agent = AgentAccess(location.agent_url, location.sealed_agent_token or "")
    return Dispatch(command, 1, None, location.command_address, "", location.gate_host, location.gate_port, agent)


async def everything(settings: Settings, locations: list[Location]) -> list[Finding]:
    return list(await asyncio.gather(relay(settings), *(road(settings, location) for location in locations)))


async def deliveries(
    settings: Settings, message: EmailMessage, recipient: str, locations: list[Location]
) -> list[Finding]:
    sending = delivery(settings, message, recipient)
    return list(await asyncio.gather(sending, *(road(settings, location) for location in locations)))
