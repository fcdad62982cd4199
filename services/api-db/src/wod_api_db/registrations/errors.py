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


class WorkshopNowhere(Problem):
    """No location gives this workshop."""

    status = HTTPStatus.CONFLICT
    type = "workshop-nowhere"


class RegistrationPaused(Problem):
    """The operator lets nobody in for now; the detail is his text."""

    status = HTTPStatus.CONFLICT
    type = "registration-paused"


class ExtensionRefused(Problem):
    """The session cannot be extended, or not any more."""

    status = HTTPStatus.CONFLICT
    type = "extension-refused"


class CorrectionRefused(Problem):
    """The address cannot be corrected, or not any more."""

    status = HTTPStatus.CONFLICT
    type = "correction-refused"


class CredentialsRefused(Problem):
    """The mail with the password is not sent again, or not now."""

    status = HTTPStatus.CONFLICT
    type = "credentials-refused"


class AlreadyRegistered(Problem):
    """The address holds a registration; its owner has been sent the way to it."""

    status = HTTPStatus.CONFLICT
    type = "already-registered"
