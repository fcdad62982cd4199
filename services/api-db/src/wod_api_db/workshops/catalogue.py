"""The catalogue as bytes, kept in memory for as long as the database does not say that it has changed."""

import asyncio
import hashlib
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.registrations.following import Notifications
from wod_api_db.workshops import repository
from wod_api_db.workshops.schemas import WorkshopList, WorkshopView, view

#: While seats go by the dozen the list is read this often, not once for every one of them.
SHORTEST_LIFE = 0.1  # seconds
#: Callers choose what they filter by; what they chose is not kept without limit.
ANSWERS_KEPT = 64


@dataclass(frozen=True)
class Filters:
    """What is left out of the answer; None leaves out nothing."""

    active: bool | None = None
    category: str | None = None
    #: in name or description
    q: str | None = None

    def leave_in(self, shop: WorkshopView) -> bool:
        return (
            (self.active is None or shop.active is self.active)
            and (self.category is None or self.category.casefold() in map(str.casefold, shop.category))
            and (self.q is None or self.q.casefold() in f"{shop.name}\n{shop.description}".casefold())
        )


@dataclass(frozen=True)
class Answer:
    """The body, and the strong entity tag that changes with it."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, items: list[WorkshopView]) -> "Answer":
        body = WorkshopList(items=items).model_dump_json().encode()
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


@dataclass
class _Listing:
    """One reading of the database. ``version`` is what was known to have changed before it; None: nothing is known."""

    items: list[WorkshopView]
    version: int | None
    read_at: float
    answers: dict[Filters, Answer] = field(default_factory=dict)

    def answer(self, filters: Filters) -> Answer:
        found = self.answers.get(filters)
        if found is None:
            if len(self.answers) >= ANSWERS_KEPT:
                self.answers.clear()
            found = self.answers[filters] = Answer.of([item for item in self.items if filters.leave_in(item)])
        return found


class Catalogue:
    """Answers from memory while the notifications are heard, and asks the database for every request while not."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], notifications: Notifications) -> None:
        self._sessions = sessions
        self._notifications = notifications
        self._listing = _Listing([], None, 0.0)
        self._reading = asyncio.Lock()

    async def answer(self, filters: Filters) -> Answer:
        if not self._is_good():
            if self._notifications.catalogue_version is None:
                return (await self._read()).answer(filters)
            async with self._reading:  # whoever waited finds what the first one has read
                if not self._is_good():
                    self._listing = await self._read()
        return self._listing.answer(filters)

    def _is_good(self) -> bool:
        version, listing = self._notifications.catalogue_version, self._listing
        if version is None or listing.version is None:
            return False
        return listing.version == version or asyncio.get_running_loop().time() - listing.read_at < SHORTEST_LIFE

    async def _read(self) -> _Listing:
        # noted before: what changes during the reading makes it old at once
        version, began = self._notifications.catalogue_version, asyncio.get_running_loop().time()
        async with self._sessions() as session:
            items = [view(offer) for offer in await repository.catalogue(session)]
        return _Listing(items, version, began)
