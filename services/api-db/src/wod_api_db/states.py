"""State machines: one table each, one function that decides, and a refusal for everything else."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from wod_api_db.mail.states import MailState
from wod_api_db.registrations.schemas import RegistrationState as R
from wod_api_db.students.states import StudentState as S
from wod_common.commands import CommandState as C

State = TypeVar("State", bound=StrEnum)


class IllegalTransition(Exception):
    """What was asked does not follow from where the row stands; nothing was changed."""


class Machine(Generic[State]):
    """The states a row may pass through."""

    def __init__(self, name: str, allowed: Mapping[State, frozenset[State]]) -> None:
        self.name = name
        self.allowed = allowed

    def may(self, current: State, target: State) -> bool:
        return target in self.allowed.get(current, frozenset())

    def check(self, current: State, target: State) -> State:
        """``target``, or IllegalTransition."""
        if not self.may(current, target):
            raise IllegalTransition(f"a {self.name} does not go from {current} to {target}")
        return target


REGISTRATION: Machine[R] = Machine(
    "registration",
    {
        R.WAITING: frozenset({R.OFFERED, R.CANCELLED}),
        R.OFFERED: frozenset({R.REGISTERED, R.WAITING, R.CANCELLED}),
        R.REGISTERED: frozenset({R.DEPLOYING, R.FAILED, R.CANCELLED}),
        R.DEPLOYING: frozenset({R.RUNNING, R.FAILED, R.CANCELLED}),
        # back to deploying: the address was corrected, so the seat is made anew with another password
        R.RUNNING: frozenset({R.EXPIRING, R.ENDED, R.DEPLOYING}),
        R.EXPIRING: frozenset({R.RUNNING, R.ENDED, R.DEPLOYING}),
    },
)

STUDENT: Machine[S] = Machine(
    "seat",
    {
        # free to resetting: the operator has the range reset by hand
        S.FREE: frozenset({S.PREPARING, S.ASSIGNED, S.RESETTING, S.BROKEN}),
        # preparing: made ahead, or looked at by an operator's wish, and handed out by nobody meanwhile
        S.PREPARING: frozenset({S.READY, S.FREE, S.CLEANING, S.BROKEN}),
        S.READY: frozenset({S.ASSIGNED, S.PREPARING, S.CLEANING, S.BROKEN}),
        S.ASSIGNED: frozenset({S.CLEANING, S.BROKEN}),
        S.CLEANING: frozenset({S.RESETTING, S.FREE, S.BROKEN}),
        S.RESETTING: frozenset({S.FREE, S.BROKEN}),
        S.BROKEN: frozenset({S.CLEANING}),
    },
)

_OPEN_ENDS = frozenset({C.DONE, C.FAILED, C.SUPERSEDED})
COMMAND: Machine[C] = Machine(
    "command",
    {
        C.QUEUED: frozenset({C.SENT, C.ACCEPTED, C.RUNNING}) | _OPEN_ENDS,
        C.SENT: frozenset({C.ACCEPTED, C.RUNNING}) | _OPEN_ENDS,
        C.ACCEPTED: frozenset({C.RUNNING}) | _OPEN_ENDS,
        C.RUNNING: _OPEN_ENDS,
    },
)

MAIL: Machine[MailState] = Machine(
    "mail",
    {
        MailState.QUEUED: frozenset({MailState.SENDING, MailState.WITHHELD}),
        MailState.SENDING: frozenset(
            {MailState.SENDING, MailState.QUEUED, MailState.SENT, MailState.FAILED, MailState.WITHHELD}
        ),
        # at an operator's word: refused or come back
        MailState.FAILED: frozenset({MailState.QUEUED}),
        MailState.SENT: frozenset({MailState.QUEUED}),
    },
)

#: A registration in one of these holds its address and its seat.
HOLDING = (R.REGISTERED, R.DEPLOYING, R.RUNNING, R.EXPIRING)
#: A command in one of these is the seat's outstanding one.
OUTSTANDING = (C.QUEUED, C.SENT, C.ACCEPTED, C.RUNNING)
