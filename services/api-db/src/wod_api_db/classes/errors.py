"""Why a class, or whoever wants to join one, is refused."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

from pydantic import BaseModel

from wod_api_db.classes.fitting import Proposal
from wod_common.problems import Problem, ProblemDetails


class Alternative(BaseModel):
    """Where and when the same class would fit."""

    location: int
    location_name: str
    starts_at: datetime
    ends_at: datetime


class _WithAlternatives(ProblemDetails):
    alternatives: list[Alternative]


class ClassDoesNotFit(Problem):
    """So many seats are not free there and then; ``alternatives`` lists the nearest times and places that are."""

    status = HTTPStatus.CONFLICT
    type = "class-does-not-fit"

    def __init__(self, detail: str, proposals: Sequence[Proposal]) -> None:
        super().__init__(detail)
        self._proposals = proposals

    def details(self) -> ProblemDetails:
        alternatives = [
            Alternative(
                location=proposal.ground.location_id,
                location_name=proposal.ground.location,
                starts_at=proposal.starts_at,
                ends_at=proposal.ends_at,
            )
            for proposal in self._proposals
        ]
        return _WithAlternatives(**super().details().model_dump(), alternatives=alternatives)


class ClassUnknown(Problem):
    """No class has this code."""

    status = HTTPStatus.NOT_FOUND
    type = "class-unknown"


class ClassNotOpen(Problem):
    """The class does not let anybody in yet, or not any more."""

    status = HTTPStatus.CONFLICT
    type = "class-not-open"


class ClassFull(Problem):
    """Every seat of the class is taken."""

    status = HTTPStatus.CONFLICT
    type = "class-full"


class HelpRefused(Problem):
    """There is no instructor to ask: the lab belongs to no class, or is over."""

    status = HTTPStatus.CONFLICT
    type = "help-refused"
