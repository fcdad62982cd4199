"""Every query about feedback."""

from collections.abc import Sequence

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.feedback.models import Feedback
from wod_api_db.feedback.schemas import FeedbackRequest
from wod_api_db.registrations.models import Registration
from wod_api_db.workshops.models import Workshop


async def keep(session: AsyncSession, registration_id: int, given: FeedbackRequest) -> None:
    values = {"rating": given.rating, "text": given.text, "given_at": func.now()}
    statement = insert(Feedback).values(registration_id=registration_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=[Feedback.registration_id], set_=values))


async def given(session: AsyncSession, registration_id: int) -> Feedback | None:
    query = select(Feedback).where(Feedback.registration_id == registration_id)
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def of_registrations(session: AsyncSession, ids: Sequence[int]) -> Sequence[Feedback]:
    return (await session.execute(select(Feedback).where(Feedback.registration_id.in_(ids)))).scalars().all()


async def forget_text(session: AsyncSession, registration_id: int) -> None:
    """The rating is a count and stays."""
    statement = update(Feedback).where(Feedback.registration_id == registration_id).values(text="")
    await session.execute(statement.execution_options(synchronize_session=False))


def listing(notebook: str | None, rating: int | None) -> Select[Feedback]:
    query = select(Feedback)
    if notebook is not None:
        of_workshop = (
            select(Registration.id)
            .join(Workshop, Workshop.id == Registration.workshop_id)
            .where(Workshop.notebook == notebook)
        )
        query = query.where(Feedback.registration_id.in_(of_workshop))
    return query if rating is None else query.where(Feedback.rating == rating)


async def workshops_of(session: AsyncSession, ids: Sequence[int]) -> dict[int, str]:
    """The folder name of each registration's workshop."""
    query = (
        select(Registration.id, Workshop.notebook)
        .join(Workshop, Workshop.id == Registration.workshop_id)
        .where(Registration.id.in_(ids))
    )
    return {row.id: row.notebook for row in await session.execute(query)}
