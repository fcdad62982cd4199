"""What operators can do, declared: on which rows, with which words, by which call of the api-db.

Every act is asked about on a page of its own, which names the rows and says what follows, whether one row is meant or
fifty. So there is one way through the console for all of them, and it works without a script.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from wod_frontend.console.access import Rank
from wod_frontend.console.backstage import Row

Body = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """One entry of an act's form. ``kind`` is ``text``, ``long``, ``number``, ``choice``, ``check``, ``password``,
    ``moment`` (in UTC), ``location`` or ``workshop``; ``stands`` the name in the row whose present value the form begins with.
    """

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    required: bool = True
    choices: tuple[str, ...] = ()
    begins: str = ""
    stands: str = ""
    least: int = 0
    most: int = 0

    @property
    def type(self) -> str:
        """Of the HTML input."""
        return {"number": "number", "moment": "datetime-local"}.get(self.kind, "text")

    def read(self, typed: str) -> Any:
        """As JSON; None where nothing was typed. What is no number goes as it is, for the api-db to refuse by name."""
        typed = typed.strip() if self.kind != "password" else typed
        if self.kind == "check":
            return typed == "yes"
        if self.kind == "moment" and len(typed) == len("2026-12-01T09:00"):
            return f"{typed}:00Z"
        if self.kind in {"number", "location"} and typed.lstrip("-").isascii() and typed.lstrip("-").isdigit():
            return int(typed)
        return typed or None


@dataclass(frozen=True)
class Act:
    """``on`` is the list whose rows it is for; empty where it makes something new. ``path`` holds ``{id}``; that of a
    placement is ``workshop@location``. ``done`` is said of each.
    """

    name: str
    on: str
    label: str
    question: str
    follows: str
    done: str
    path: str
    method: str = "POST"
    fields: tuple[Field, ...] = ()
    destroys: bool = False
    bulk: bool = False
    needs: Rank = Rank.MODERATOR
    fits: Callable[[Row], bool] = lambda _: True
    fixed: tuple[tuple[str, Any], ...] = ()
    #: sent along: a name of the body, and the row's value that it gets
    given: tuple[tuple[str, str], ...] = ()
    #: a list's page to go to afterwards, where there is no row
    then: str = ""
    #: the answer is something that the operator has to read
    tells: bool = False
    #: the values go into the address and not into a body
    in_query: bool = False

    def address(self, identity: str) -> str:
        workshop, _, location = identity.partition("@")
        return self.path.format(
            id=quote(identity, safe=""), workshop=quote(workshop, safe=""), location=quote(location, safe="")
        )

    def body(self, row: Row, typed: Mapping[str, str]) -> Body:
        """Without what was left empty: the api-db's own rule holds there."""
        read = {one.name: one.read(typed.get(one.name, "")) for one in self.fields}
        along = {name: row.get(value) for name, value in self.given}
        said = dict(self.fixed) | along | read
        return {name: value for name, value in said.items() if value is not None}
