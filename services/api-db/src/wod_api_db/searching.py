"""Search: what an operator types, looked for in the columns that he would look at."""

import re
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

Wanted = Annotated[
    str | None,
    Query(alias="q", min_length=1, max_length=100, pattern=r"^[^\x00]*$", description="Part of what is looked for"),
]

_SEAT = re.compile(r"(?:student)?([0-9]{1,6})", re.IGNORECASE)


def seat_number(wanted: str) -> int | None:
    """The N of ``studentN`` or ``N``."""
    found = _SEAT.fullmatch(wanted.strip())
    return int(found[1]) if found else None


def mentions(wanted: str, *columns: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """One of the columns has it in it, in any case.

    No index knows that: a page of a list is found by reading backwards, a rare word by reading it all.
    """
    return or_(*(column.icontains(wanted, autoescape=True) for column in columns))
