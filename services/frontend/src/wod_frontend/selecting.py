"""What the catalogue shows of all workshops: a tab, a category, words, a length, seats that are free."""

from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict

from wod_frontend.wire import Workshop

Tab = Literal["all", "latest", "popular"]
#: how long a workshop may take at most, in minutes; 0 is as long as it likes
LENGTHS = (0, 60, 120, 240)
PAGE = 24
LATEST = 12


class Selection(BaseModel):
    """What somebody asked the catalogue for; anything that is not understood asks for nothing."""

    model_config = ConfigDict(frozen=True)

    tab: Tab = "all"
    category: str = ""
    q: str = ""
    minutes: int = 0
    free: bool = False
    page: int = 1

    def chosen(self, workshops: Sequence[Workshop], popular: Sequence[str]) -> list[Workshop]:
        """In the tab's order: by importance, by age, or by how many have asked for it."""
        return [workshop for workshop in self._ordered(workshops, popular) if self._leaves_in(workshop)]

    def _ordered(self, workshops: Sequence[Workshop], popular: Sequence[str]) -> Sequence[Workshop]:
        if self.tab == "latest":
            return sorted(workshops, key=lambda workshop: workshop.created_at, reverse=True)[:LATEST]
        if self.tab == "popular":
            return most_popular(workshops, popular)
        return workshops

    def _leaves_in(self, workshop: Workshop) -> bool:
        words = self.q.casefold().split()
        return (
            (not self.category or self.category in workshop.category)
            and (not self.minutes or workshop.duration_seconds <= self.minutes * 60)
            and (not self.free or workshop.room > 0)
            and (not words or all(word in workshop.searchable for word in words))
        )

    def address(self, **changes: str | int | bool) -> str:
        """The catalogue's address with these changes; a change of what is asked begins at the first page."""
        asked = self.model_dump() | {"page": 1} | changes
        named = {name: value for name, value in asked.items() if value != type(self).model_fields[name].default}
        query = urlencode({name: "1" if value is True else value for name, value in named.items()})
        return f"/workshops?{query}" if query else "/workshops"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.q or self.category or self.minutes or self.free)


def most_popular(workshops: Sequence[Workshop], popular: Sequence[str]) -> list[Workshop]:
    by_notebook = {workshop.notebook: workshop for workshop in workshops}
    return [by_notebook[notebook] for notebook in popular if notebook in by_notebook]


async def _selection(
    tab: str = "",
    category: Annotated[str, Query(max_length=80)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
    minutes: str = "",
    free: str = "",
    page: str = "",
) -> Selection:
    return Selection(
        tab=tab if tab in {"latest", "popular"} else "all",
        category=category,
        q=q.strip(),
        minutes=int(minutes) if minutes in set(map(str, LENGTHS)) else 0,
        free=free == "1",
        page=int(page) if page.isascii() and page.isdigit() and 0 < len(page) < 5 else 1,
    )


SelectionDep = Annotated[Selection, Depends(_selection)]
