"""Why a registration is refused."""

from http import HTTPStatus

from wod_common.problems import Problem


class WorkshopUnknown(Problem):
    """No such workshop, or it is not open."""

    status = HTTPStatus.NOT_FOUND
    type = "workshop-unknown"


class WorkshopFull(Problem):
    """Every seat is taken."""

    status = HTTPStatus.CONFLICT
    type = "workshop-full"


class AlreadyRegistered(Problem):
    """The address holds a registration; its owner has been sent the way to it."""

    status = HTTPStatus.CONFLICT
    type = "already-registered"
