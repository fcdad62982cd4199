"""What ends a command badly: a problem as the API describes its own, and the exit code that says which kind."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The interface to scripts; ``services/cli/README.md`` lists them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    NOT_LOGGED_IN = 4


class Failure(Exception):
    """``detail`` names the value and the way out, ``lists`` what an API tells beside it, e.g. each wrong line."""

    code = ExitCode.FAILED
    type = "failed"

    def __init__(
        self,
        detail: str,
        *,
        type_: str | None = None,
        status: int | None = None,
        lists: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.type = type_ or self.type
        self.status = status
        self.lists = lists or {}

    def problem(self) -> dict[str, Any]:
        status = {} if self.status is None else {"status": self.status}
        return {"type": self.type, "detail": self.detail, **status, **self.lists, "exit_code": int(self.code)}


class Misused(Failure):
    """A value on the command line is wrong."""

    code = ExitCode.USAGE
    type = "usage"


class NotReachable(Failure):
    """Nobody answers there, or a proxy in front of nobody does."""

    code = ExitCode.NOT_REACHABLE
    type = "not-reachable"


class NotLoggedIn(Failure):
    """No token, or one that is over."""

    code = ExitCode.NOT_LOGGED_IN
    type = "not-logged-in"
