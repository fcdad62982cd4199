"""``/api/student``: seats."""

from http import HTTPStatus

from wod_api_db.app_state import SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.legacy import back_end, repository, views
from wod_api_db.legacy.access import Admin, Moderator
from wod_api_db.legacy.answers import TOKEN, Answer, Empty, answers, failed, flush_or_refuse, refuse
from wod_api_db.legacy.routing import Id, legacy_router
from wod_api_db.legacy.schemas import NewStudent, StudentChange, StudentRow
from wod_api_db.locations.models import Location
from wod_api_db.students.models import Student

router = legacy_router()


@router.get("/students", responses=answers(refusals=TOKEN))
async def list_students(session: SessionDep, _: Moderator) -> list[StudentRow]:
    return [views.student(student, where) for student, where in await repository.students(session)]


@router.get("/students/{student_id}", responses=answers(text=400, refusals=TOKEN))
async def show_student(student_id: Id, session: SessionDep, _: Moderator) -> StudentRow:
    found = await repository.students(session, student_id)
    if not found:
        raise Answer(400, "Student Not Found")
    return views.student(*found[0])


@router.post("/student", responses=answers(refusals=(*TOKEN, 409)))
async def add_student(student: NewStudent, session: SessionDep, claims: Admin) -> StudentRow:
    """A seat that is missing in its location's interval."""
    location = await repository.location_by_fqdn(session, student.location)
    number = int(student.username.removeprefix("student"))
    if location is None or not number <= location.seats:
        message = f"{student.location} has no seat {number}; the seats of a location are set at the location"
        raise refuse(HTTPStatus.CONFLICT, message)
    row = Student(id=location.basestdid + number, location_id=location.id, number=number)
    session.add(row)
    await flush_or_refuse(session, HTTPStatus.CONFLICT, f"{student.location} has {student.username} already")
    await record(session, claims, "student.create", "student", row.id)
    return views.student(row, location)


@router.put("/student/{student_id}", responses=answers(refusals=TOKEN))
async def change_student(
    student_id: Id, change: StudentChange, session: SessionDep, settings: SettingsDep, claims: Moderator
) -> StudentRow:
    """A back end's report. What does not follow from the seat's state is noted and changes nothing."""
    if await session.get(Student, student_id) is None:
        raise failed()
    await back_end.of_student(session, settings, student_id, change)
    await record(session, claims, "student.report", "student", student_id, fields=sorted(change.model_fields_set))
    return views.student(*(await repository.students(session, student_id))[0])


@router.delete("/student/{student_id}", response_model=Empty, responses=answers(refusals=(*TOKEN, 409)))
async def delete_student(student_id: Id, session: SessionDep, claims: Admin) -> Empty:
    student = await session.get(Student, student_id, with_for_update=True)
    if student is None:
        raise failed()
    location = await session.get_one(Location, student.location_id)
    await session.delete(student)
    message = f"{student.username} of {location.fqdn} has had registrations; their story needs it"
    await flush_or_refuse(session, HTTPStatus.CONFLICT, message)
    await record(session, claims, "student.delete", "student", student_id)
    return Empty()
