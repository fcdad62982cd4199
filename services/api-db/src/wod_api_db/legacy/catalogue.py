"""``/api/workshop``."""

from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep, now
from wod_api_db.legacy import editing, repository, views
from wod_api_db.legacy.access import Admin, Known, Moderator
from wod_api_db.legacy.answers import TOKEN, Answer, Empty, answers, failed
from wod_api_db.legacy.routing import Id, legacy_router
from wod_api_db.legacy.schemas import ListedWorkshopRow, NewWorkshop, WorkshopChange, WorkshopRow
from wod_api_db.workshops.models import Workshop
from wod_api_db.workshops.popular import PopularDep

router = legacy_router()


@router.get("/workshops", responses=answers())
async def list_workshops(
    session: SessionDep, popular: PopularDep, active: bool | None = None
) -> list[ListedWorkshopRow]:
    """A retired one is listed as not active until the last seat is clean: a back end looks up what it cleans."""
    condition = None if active is None else repository.IS_OPEN if active else ~repository.IS_OPEN
    rows = await repository.workshops(session, condition)
    return await views.listed(session, rows, await popular.ids(session))


@router.get("/workshopsBeta", responses=answers(refusals=TOKEN))
async def list_finished_workshops(session: SessionDep, _: Known) -> list[WorkshopRow]:
    """Those that are no beta, for all that the original's name says."""
    return await views.workshops(session, await repository.workshops(session, Workshop.beta.is_(False)))


@router.get("/workshops/{workshop_id}", responses=answers(text=400))
async def show_workshop(workshop_id: Id, session: SessionDep) -> WorkshopRow:
    workshop = await repository.workshop(session, workshop_id)
    if workshop is None:
        raise Answer(400, "Workshop Not Found")
    return await views.workshop(session, workshop)


@router.post("/workshop", responses=answers(refusals=(*TOKEN, 409)))
async def add_workshop(workshop: NewWorkshop, session: SessionDep, claims: Admin) -> WorkshopRow:
    """A workshop whose folder the back end has already."""
    row = await editing.create(session, workshop)
    await record(session, claims, "workshop.create", "workshop", row.id, notebook=row.notebook)
    return await views.workshop(session, row)


@router.put("/workshop/{workshop_id}", responses=answers(refusals=TOKEN))
async def change_workshop(
    workshop_id: Id, change: WorkshopChange, session: SessionDep, claims: Moderator
) -> WorkshopRow:
    """``capacity`` is what is to be left: the value that was shown changes nothing."""
    row = await _locked(session, workshop_id)
    await editing.change(session, row, change)
    await record(session, claims, "workshop.update", "workshop", workshop_id, fields=sorted(change.model_fields_set))
    return await views.workshop(session, row)


@router.delete("/workshop/{workshop_id}", response_model=Empty, responses=answers(refusals=TOKEN))
async def delete_workshop(workshop_id: Id, session: SessionDep, claims: Admin) -> Empty:
    """Retired: nobody sees it any more, who is in stays."""
    row = await _locked(session, workshop_id)
    row.retired_at = now
    await session.flush()
    await record(session, claims, "workshop.retire", "workshop", workshop_id)
    return Empty()


async def _locked(session: SessionDep, workshop_id: int) -> Workshop:
    # without a claim to its key: a registration that holds the placement we may wait for refers to this row
    row = await session.get(Workshop, workshop_id, with_for_update={"key_share": True})
    if row is None or row.retired_at is not None:
        raise failed()
    return row
