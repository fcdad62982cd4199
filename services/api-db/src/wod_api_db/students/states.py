"""The states of a seat."""

from enum import StrEnum


class StudentState(StrEnum):
    """``free`` means: home empty, processes gone, old logins dead."""

    FREE = "free"
    PREPARING = "preparing"
    READY = "ready"
    ASSIGNED = "assigned"
    CLEANING = "cleaning"
    RESETTING = "resetting"
    BROKEN = "broken"
