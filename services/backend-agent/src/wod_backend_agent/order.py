"""Which commands of a seat are obeyed: the rules that keep a late mail from undoing a later one."""

from dataclasses import dataclass
from enum import Enum

from wod_common.commands import Command, Verb


class Ruling(Enum):
    OBEY = "obey"
    #: a later command has been seen: answered, reported and otherwise ignored
    OUTDATED = "outdated"


class NotTheHolder(Exception):
    """An unsigned command that does not name the seat's registration; the message may be shown to its sender."""


class SeatsHeld(Exception):
    """A range that would be emptied under somebody's hands; the message names the seats and may be shown to its sender."""


@dataclass(frozen=True)
class SeatRecord:
    """What the journal knows of a seat."""

    student: int
    #: the highest (generation, sequence) seen, kept for ever
    order: tuple[int, int] | None = None
    #: the registration whose CREATE was accepted and that has not been cleaned since
    holder: int | None = None
    #: the registration that held the seat most recently
    last_holder: int | None = None


def judge(command: Command, seat: SeatRecord, *, cleaned_before: bool) -> Ruling:
    """Signed commands are ruled by their order, unsigned ones by the registration they name. Raises NotTheHolder.

    ``seat`` is the command's own; of a range, that of the registration it names.
    """
    if command.order is None:
        _check_unsigned(command, seat, cleaned_before)
        return Ruling.OBEY
    outdated = seat.order is not None and command.order <= seat.order
    return Ruling.OUTDATED if outdated else Ruling.OBEY


def _check_unsigned(command: Command, seat: SeatRecord, cleaned_before: bool) -> None:
    if command.verb is Verb.CREATE:
        if seat.holder is not None:
            raise NotTheHolder(f"student {command.student} is held by a registration; clean the seat first")
        if cleaned_before:
            raise NotTheHolder(f"registration {command.registration} has left student {command.student} for good")
        return
    allowed = {seat.holder}
    if command.verb in {Verb.PURGE, Verb.RESET}:
        allowed.add(seat.last_holder)
    if command.registration not in allowed:
        if command.last is not None:
            raise NotTheHolder(
                f"registration {command.registration} has held no student from {command.student} to {command.last}"
            )
        raise NotTheHolder(f"registration {command.registration} does not hold student {command.student}")


def supersedes(newer: Command, older: Command) -> bool:
    """Whether ``newer`` ends ``older``, an unfinished command of the same seat.

    A listed peer sends CLEANUP, RESET and PURGE without waiting for each other's end: those queue up.
    What another registration wants of one of the seats waits for the RESET of a range, and that waits for it.
    """
    of_a_range = newer.last is not None or older.last is not None
    if of_a_range and newer.registration != older.registration:
        return False
    return newer.order is not None or (older.verb is Verb.CREATE and newer.verb is not Verb.CREATE)
