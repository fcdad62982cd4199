"""What a handler of the console works with, as one annotated dependency for each rank that may open it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Response

from wod_frontend.console.access import Operator, Rank, RoleMissing, SignInNeeded, seats_of
from wod_frontend.console.backstage import Backstage, Calls
from wod_frontend.pages import Pages
from wod_frontend.state import pages_of


def backstage_of(request: Request) -> Backstage:
    return cast(Backstage, request.app.state.backstage)


class Desk:
    """One request of one operator."""

    def __init__(self, request: Request, operator: Operator) -> None:
        self.request = request
        self.operator = operator
        self.pages: Pages = pages_of(request)
        self.api: Calls = backstage_of(request).as_(operator)

    def check_form(self, form_token: str) -> None:
        """Raises 403 where the form is not from a page of ours."""
        self.pages.guard.check(self.request, form_token)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return self.pages.render(
            self.request, f"console/{template}", status, operator=self.operator, rank=Rank, **values
        )


def _for(needed: Rank) -> Callable[[Request], Awaitable[Desk]]:
    async def desk(request: Request) -> Desk:
        operator = seats_of(request).read(request)
        if operator is None:
            raise SignInNeeded
        if not operator.may(needed):
            raise RoleMissing
        return Desk(request, operator)

    return desk


#: Instructors, moderators and admins.
AnyDesk = Annotated[Desk, Depends(_for(Rank.INSTRUCTOR))]
#: Moderators and admins.
DeskDep = Annotated[Desk, Depends(_for(Rank.MODERATOR))]
