"""Who is at the console: a session sealed in a cookie that no script and no visitor can read.

Nothing is kept here, so a restart signs nobody out, and several portals serve one session. What the account may do is
asked of the api-db with every call: one that was deleted or changed is out at once.
"""

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import cast

from fastapi import Request, Response
from pydantic import BaseModel, Field, ValidationError

from wod_common.sealing import CannotOpen, Sealer

#: A working day; the token in it lives no longer.
LIFETIME = timedelta(hours=10)


class Rank(IntEnum):
    """What a role may do includes what the ranks below it may."""

    INSTRUCTOR = 1
    MODERATOR = 2
    ADMIN = 3


RANKS = {"instructor": Rank.INSTRUCTOR, "moderator": Rank.MODERATOR, "admin": Rank.ADMIN}


class SignInNeeded(Exception):
    """Nobody is signed in, or not any more (``ended``)."""

    def __init__(self, *, ended: bool = False) -> None:
        super().__init__("sign in first")
        self.ended = ended


class RoleMissing(Exception):
    """The account's role does not reach so far."""


class Operator(BaseModel):
    """An account that is signed in; ``token`` speaks for it at the api-db."""

    username: str
    role: str
    token: str = Field(repr=False)
    expires_at: datetime

    @property
    def rank(self) -> Rank:
        return RANKS[self.role]

    def may(self, needed: Rank) -> bool:
        return self.rank >= needed


class Seats:
    """Puts sessions into cookies and reads them."""

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._sealer = Sealer(secret, "console-sessions")
        self._secure = secure
        #: with the prefix a browser takes it from this very host alone, and from no page beside it
        self.cookie = "__Host-wod_console" if secure else "wod_console"

    def read(self, request: Request) -> Operator | None:
        """None where there is none, where it is over, and where it was not sealed by us."""
        try:
            operator = Operator.model_validate_json(self._sealer.open(request.cookies.get(self.cookie, "")))
        except (CannotOpen, ValidationError):
            return None
        return operator if operator.expires_at > datetime.now(UTC) and operator.role in RANKS else None

    def take(self, response: Response, operator: Operator) -> None:
        """Until the browser is closed or the token is over, whichever comes first."""
        # lax, not strict: a sign-in at the company's own service comes back from another site
        response.set_cookie(
            self.cookie,
            self._sealer.seal(operator.model_dump_json()),
            httponly=True,
            samesite="lax",
            secure=self._secure,
            path="/",
        )

    def leave(self, response: Response) -> None:
        response.delete_cookie(self.cookie, httponly=True, samesite="lax", secure=self._secure, path="/")


def seats_of(request: Request) -> Seats:
    return cast(Seats, request.app.state.console_seats)


def way_back(wanted: str) -> str:
    """``wanted`` where it is a page of the console, else its first page: nobody is led to another site."""
    tail = wanted.removeprefix("/console")
    local = tail != wanted and (not tail or tail[0] in "/?") and "\\" not in tail and tail.isprintable()
    return wanted if local and not tail.startswith("//") else "/console"
