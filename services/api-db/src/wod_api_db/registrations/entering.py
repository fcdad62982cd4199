"""Registering, as one function inside the database.

Whoever registers locks the workshop's placements from the count of the room to the commit, and everybody else who
wants into that workshop waits. So all of it is one statement that commits by itself: no message between this process
and the database falls into that time.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.classes import codes
from wod_api_db.locations.models import Location
from wod_api_db.mail.outbox import message_id
from wod_api_db.registrations.addresses import Address
from wod_api_db.registrations.entering_sql import PARAMETERS
from wod_api_db.registrations.models import Registration
from wod_api_db.registrations.schemas import RegistrationRequest, RegistrationState
from wod_api_db.settings import Settings
from wod_api_db.students.models import Student
from wod_api_db.workshops.models import Workshop
from wod_common.tracing import current


class Outcome(StrEnum):
    """What became of somebody who wanted to register."""

    REGISTERED = "registered"
    #: asked for where there was no room: ``registration`` is in line
    WAITING = "waiting"
    #: the same request with the same key was made before: ``registration`` is what it made
    MADE_BEFORE = "made-before"
    #: the key came with another request
    OTHER_REQUEST = "other-request"
    UNKNOWN = "unknown"
    #: ``explanation`` is the text of the pause
    PAUSED = "paused"
    #: the address holds ``registration``
    HELD = "held"
    NOWHERE = "nowhere"
    FULL = "full"
    #: of a class: no such code for this workshop; not yet (``explanation`` is from when on); not any more; all seats taken
    CLASS_UNKNOWN = "class-unknown"
    CLASS_EARLY = "class-early"
    CLASS_OVER = "class-over"
    CLASS_FULL = "class-full"
    #: between the look and the insertion the same request, or another one of the address, was faster
    OVERTAKEN = "overtaken"


@dataclass(frozen=True)
class Once:
    """What tells a request that is sent again from another one."""

    key: str
    request_hash: str

    @classmethod
    def of(cls, key: str | None, request: RegistrationRequest) -> "Once | None":
        return cls(key, hashlib.sha256(request.model_dump_json().encode()).hexdigest()) if key else None


@dataclass(frozen=True)
class Entry:
    """``registration`` is the one that was made, or that waits now: as much of it as the answer needs, and in no session."""

    outcome: Outcome
    workshop_name: str | None
    registration_id: int | None
    explanation: str | None
    registration: Registration | None


_GIVEN = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in PARAMETERS.items())
_CALL = text(f"SELECT * FROM register_for_workshop({_GIVEN})")  # noqa: S608 - names and types of ours


async def enter(
    session: AsyncSession,
    request: RegistrationRequest,
    address: Address,
    settings: Settings,
    once: Once | None,
    *,
    speaks: bool = False,
) -> Entry:
    """Registers with the welcome mail, the CREATE and their jobs, or joins the line, or says what is in the way."""
    mail, nonce = uuid4(), secrets.token_urlsafe(12)
    given = {
        "given_notebook": request.workshop,
        "given_name": request.name,
        "given_email": address.email,
        "given_email_key": address.key,
        "given_company": request.company,
        "given_terms": request.terms_version,
        "given_nonce": nonce,
        "given_key": once.key if once else None,
        "given_hash": once.request_hash if once else None,
        "given_patience": settings.acceptance_limit,
        "given_wait": request.wait,
        "given_wait_limit": settings.wait_limit,
        "given_offer_limit": settings.offer_limit,
        "given_mail": mail,
        "given_message_id": message_id(mail),
        "given_command": uuid4(),
        "given_trace": current(),
        # what is no code at all is looked up like a wrong one
        "given_code": (codes.read(request.join_code) or "") if request.join_code is not None else None,
        "given_speaks": speaks,
    }
    row = (await session.execute(_CALL, given)).one()
    outcome = Outcome(row.outcome)
    made = _made(row, request, address, nonce) if outcome in {Outcome.REGISTERED, Outcome.WAITING} else None
    return Entry(outcome, row.workshop_name, row.registration_id, row.explanation, made)


def _made(row: Row[Any], request: RegistrationRequest, address: Address, nonce: str) -> Registration:
    """As the answer needs it, without asking the database again while a crowd waits."""
    return Registration(
        id=row.registration_id,
        state=RegistrationState(row.outcome),
        name=request.name,
        email=address.email,
        link_nonce=nonce,
        duration=row.duration,
        created_at=row.created_at,
        extensions=0,
        student_id=row.student_id,
        class_id=row.class_id,
        student=Student(id=row.student_id, number=row.student_number) if row.student_id else None,
        workshop=Workshop(id=row.workshop_id, notebook=request.workshop, name=row.workshop_name),
        location=Location(name=row.location, hub_url=row.hub_url) if row.location else None,
    )
