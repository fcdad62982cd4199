"""The life of a seat that no registration holds: made ahead, ready, cleaned of it, looked at.

Every function expects the seat's row locked (``repository.lock_seat``). Afterwards the command's row may be locked, and
last its placement's; a registration's never.
"""

from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.commands.issuing import issue_for_seat, supersede_for_seat
from wod_api_db.commands.models import CommandRow
from wod_api_db.db import now
from wod_api_db.notices.service import notify
from wod_api_db.ready import repository
from wod_api_db.settings import gap
from wod_api_db.states import STUDENT
from wod_api_db.students.models import Student
from wod_api_db.students.states import StudentState
from wod_api_db.workshops.models import Placement
from wod_common.commands import Verb
from wod_common.events import CommandEvent

log = structlog.get_logger(__name__)

#: A seat whose cleaning has failed this often is left broken for an operator.
CLEANING_ATTEMPTS = 5
#: Of one placement in a row, and then the operator is told.
FAILURES_TOLD = 3
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0


async def prepare(session: AsyncSession, student: Student, placement: Placement) -> None:
    """The placement's workshop is deployed to the seat, for whoever comes next."""
    student.state = STUDENT.check(student.state, StudentState.PREPARING)
    student.generation += 1
    student.sequence = 0
    student.prepared_placement_id = placement.id
    student.prepared_version = placement.workshop.content_version
    student.prepared_at = None
    await issue_for_seat(session, student, Verb.PREPARE, placement.workshop.notebook)


async def clean(session: AsyncSession, student: Student, workshop: str, *, delay: timedelta = timedelta()) -> None:
    """Whatever the seat was doing gives way to its PURGE."""
    await supersede_for_seat(session, student.id)
    student.state = STUDENT.check(student.state, StudentState.CLEANING)
    student.forget_prepared()
    await issue_for_seat(session, student, Verb.PURGE, workshop, delay=delay)


async def verify(session: AsyncSession, student: Student, workshop: str) -> CommandRow:
    """The agent compares the seat with a free or a ready one, whichever it is; nobody gets it meanwhile."""
    student.state = STUDENT.check(student.state, StudentState.PREPARING)
    # a seat that has never had a command has no generation yet, and a command has one
    student.generation = max(student.generation, 1)
    return await issue_for_seat(session, student, Verb.VERIFY, workshop)


async def command_done(session: AsyncSession, student: Student, command: CommandRow, event: CommandEvent) -> None:
    """The seat's outstanding command has ended well: what follows from it."""
    if command.verb is Verb.PREPARE:
        await _prepared(session, student)
    elif command.verb is Verb.VERIFY:
        await _verified(session, student, command, event)
    else:
        student.state = STUDENT.check(student.state, StudentState.FREE)
        await session.flush()


async def _prepared(session: AsyncSession, student: Student) -> None:
    student.state = STUDENT.check(student.state, StudentState.READY)
    student.prepared_at = now
    await session.flush()
    if student.prepared_placement_id is not None:
        await repository.note_success(session, student.prepared_placement_id)


async def _verified(session: AsyncSession, student: Student, command: CommandRow, event: CommandEvent) -> None:
    was_ready = student.prepared_at is not None
    found = list(event.differences or [])
    if was_ready and event.content_version is None:
        found.append("nothing is prepared in it")
    if not was_ready and event.content_version is not None:
        found.append("something is prepared in it")
    if not found:
        student.state = STUDENT.check(student.state, StudentState.READY if was_ready else StudentState.FREE)
        await session.flush()
        return
    log.error("seat is not as it should be", student=student.id, differences=len(found), first=found[0])
    if not was_ready:
        await notify(
            session,
            "seat-unclean",
            f"{student.username} at location {student.location_id} was free and not clean: {found[0]}. It is cleaned "
            f"now; command {command.id} lists all that was found.",
            location_id=student.location_id,
        )
    student.state = STUDENT.check(student.state, StudentState.BROKEN)
    await clean(session, student, command.workshop)


async def command_failed(session: AsyncSession, student: Student, command: CommandRow, error: str) -> None:
    """The seat's outstanding command has ended badly."""
    student.state = STUDENT.check(student.state, StudentState.BROKEN)
    log.error("seat is broken", student=student.id, verb=command.verb, reason=error)
    if command.verb is Verb.PURGE:
        await _clean_again(session, student, command, error)
        return
    placement_id = student.prepared_placement_id
    await clean(session, student, command.workshop)
    if command.verb is Verb.PREPARE and placement_id is not None:
        await _pause(session, student, placement_id, command, error)


async def _pause(session: AsyncSession, student: Student, placement_id: int, command: CommandRow, error: str) -> None:
    """The next try waits, ever longer: what does not render now will not in a second."""
    failures = await repository.note_failure(session, placement_id)
    await repository.retry_after(session, placement_id, gap(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE))
    if failures == FAILURES_TOLD:
        await notify(
            session,
            "ready-seats-failing",
            f"{command.workshop} could not be deployed ahead at location {student.location_id} for {failures} times in "
            f"a row: {error}. Who registers for it now will most likely meet the same fault. It is tried again ever "
            "more seldom, until it works.",
            location_id=student.location_id,
        )


async def _clean_again(session: AsyncSession, student: Student, command: CommandRow, error: str) -> None:
    tries = await repository.failed_cleanings(session, student)
    if tries < CLEANING_ATTEMPTS:
        await clean(session, student, command.workshop, delay=gap(tries, first=10.0))
        return
    await notify(
        session,
        "seat-broken",
        f"{student.username} at location {student.location_id} could not be cleaned after {tries} tries ({command.verb} "
        f"failed: {error}). Nobody gets the seat until it is: mend the cause, then have it cleaned again.",
        location_id=student.location_id,
    )
