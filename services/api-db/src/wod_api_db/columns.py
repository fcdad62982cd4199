"""Column types that several tables share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Enum, TextClause, text
from sqlalchemy.orm import MappedColumn, mapped_column


def state_column(states: type[StrEnum], default: str | None = None, *, nullable: bool = False) -> MappedColumn[Any]:
    """Text with a check: a new state is a migration of one constraint, not of a type."""
    name = f"{states.__name__.lower()}_is_known"
    kind = Enum(
        states,
        native_enum=False,
        length=20,
        create_constraint=True,
        name=name,
        values_callable=lambda e: [s.value for s in e],
    )
    return mapped_column(kind, server_default=default, nullable=nullable)


def state_in(*states: StrEnum) -> TextClause:
    """A predicate with the states written out: PostgreSQL matches a partial index by its text, not by parameters."""
    return text(f"state IN ({', '.join(repr(state.value) for state in states)})")
