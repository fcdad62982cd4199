"""Why an offer cannot be taken."""

from http import HTTPStatus

from wod_common.problems import Problem


class OfferGone(Problem):
    """Nothing is offered, or not any more."""

    status = HTTPStatus.CONFLICT
    type = "offer-gone"
