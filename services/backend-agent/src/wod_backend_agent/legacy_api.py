"""The REST surface that the back ends of an original api-db use, and what its answers mean."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, TypeVar

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from wod_backend_agent.api_client import AccountApi, NotTaken
from wod_backend_agent.reporting import Refused

#: Its lists hold, or look through, all registrations there have ever been.
LIST_SECONDS = 120.0
#: ``lastEmailSent`` of a customer whose session is over or never began
_OVER = {"expired", "error", "unregister"}

#: A column that was never written is null there.
Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]


class _Row(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    id: int


class WorkshopRow(_Row):
    notebook: str
    reset: Flag = False


class CustomerRow(_Row):
    cleaned: Flag = False
    last_email_sent: str | None = None
    student_id: int | None = None

    @property
    def is_live(self) -> bool:
        """Has a seat, or gets one."""
        return not self.cleaned and self.last_email_sent not in _OVER


class StudentRow(_Row):
    assigned: Flag = False


class LocationRow(_Row):
    basestdid: int


Shape = TypeVar("Shape")
_LOCATION = TypeAdapter(LocationRow)
_WORKSHOP = TypeAdapter(WorkshopRow)
_WORKSHOPS = TypeAdapter(list[WorkshopRow])
_CUSTOMER = TypeAdapter(CustomerRow)
_CUSTOMERS = TypeAdapter(list[CustomerRow])
_STUDENT = TypeAdapter(StudentRow)


class LegacyApi(AccountApi):
    """Raises NotTaken, and Refused for a row that the api-db does not have or does not let be changed."""

    login_path = "api/login"
    token_field = "accessToken"  # noqa: S105 - a field's name

    def _authorization(self, token: str) -> dict[str, str]:
        return {"x-access-token": token}

    async def location(self, location: int) -> LocationRow:
        return await self._read(_LOCATION, f"location/{location}")

    async def workshops(self) -> list[WorkshopRow]:
        return await self._read(_WORKSHOPS, "workshops", LIST_SECONDS)

    async def workshop(self, workshop: int) -> WorkshopRow:
        return await self._read(_WORKSHOP, f"workshops/{workshop}")

    async def customers(self) -> list[CustomerRow]:
        """All there have ever been: long."""
        return await self._read(_CUSTOMERS, "customers", LIST_SECONDS)

    async def customer(self, customer: int) -> CustomerRow:
        return await self._read(_CUSTOMER, f"customers/{customer}")

    async def student(self, student: int) -> StudentRow:
        """By its global id."""
        return await self._read(_STUDENT, f"students/{student}")

    async def change(self, kind: str, row: int, values: Mapping[str, str]) -> None:
        """A part of a ``student``, ``customer`` or ``workshop``; said again it changes nothing."""
        path = f"{kind}/{row}"
        answer = await self.request("PUT", f"api/{path}", json.dumps(dict(values)))
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            # said of a row that is not there and of a database that is away alike
            await self._check_there(kind, row)
        _check(answer, path)

    async def _check_there(self, kind: str, row: int) -> None:
        path = f"{kind}s/{row}"
        answer = await self.request("GET", f"api/{path}")
        _check(answer, path)

    async def _read(self, shape: TypeAdapter[Shape], path: str, seconds: float | None = None) -> Shape:
        answer = await self.request("GET", f"api/{path}", seconds=seconds)
        _check(answer, path)
        try:
            return shape.validate_json(answer.content)
        except ValidationError:
            raise NotTaken(f"the api-db answered {path} with something else; is its address right?") from None


def _check(answer: httpx.Response, path: str) -> None:
    """The texts of the answers are not repeated: they may hold what was sent."""
    status = answer.status_code
    if status == HTTPStatus.BAD_REQUEST and b"Not Found" in answer.content:
        raise Refused(f"the api-db has no {path}")
    if status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}:
        raise Refused(f"the api-db answered {status} to {path}")
    if answer.is_redirect:
        raise NotTaken(f"the api-db answered {status} to {path}: it is at another address, see WOD_AGENT_API_URL")
    if status == HTTPStatus.FORBIDDEN:
        raise NotTaken(f"the api-db answered 403 to {path}: the agent's account must be a moderator or an admin there")
    if not answer.is_success:
        raise NotTaken(f"the api-db answered {status} to {path}")
    if answer.content.lstrip().startswith(b"<"):
        raise NotTaken(f"a web page answered {path} in the api-db's place")
