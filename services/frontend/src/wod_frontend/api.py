"""The api-db over REST: the portal's only source."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError

from wod_common.problems import ProblemDetails
from wod_common.tracing import HEADER, current
from wod_frontend.wire import Badge, CorrectedRegistration, Event, NewRegistration, Registration, Workshop, WorkshopList

Model = TypeVar("Model", bound=BaseModel)

#: A page that takes longer than this is better answered with "try again".
#: registrations of a crowd wait for each other: the answer may take seconds, and must not be given up half-way
TIMEOUT = httpx.Timeout(5.0, read=30.0)
#: The api-db sends a comment every 15 s; three missed ones mean that the line is dead.
STREAM_TIMEOUT = httpx.Timeout(5.0, read=45.0)


_OF_A_PICTURE = frozenset({"content-type", "etag", "cache-control", "location"})


class ApiAway(Exception):
    """The api-db cannot be reached, is broken, or answers what is not in its contract."""


class ApiRefused(Exception):
    """The api-db's answer is a problem of the 4xx kind; ``headers`` are those of it that the visitor's browser needs."""

    def __init__(self, problem: ProblemDetails, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{problem.status} {problem.type}")
        self.problem = problem
        self.headers = headers or {}


@dataclass(frozen=True)
class Picture:
    """200 with its bytes, 304 where the visitor's own is still good, or 307 with ``location``."""

    status: int
    content: bytes
    headers: dict[str, str]


def connect(base_url: str) -> httpx.AsyncClient:
    """The one client of the process; streams are many and long, so connections are not limited."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx.AsyncClient(base_url=base_url, timeout=TIMEOUT, limits=limits)


class Api:
    """Every call raises ApiAway or ApiRefused. Names and tokens in paths must have been checked by the caller."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def workshops(self) -> list[Workshop]:
        """The active ones, in the api-db's order: the most important first."""
        listed = _read(WorkshopList, await self._call("GET", "/api/v1/workshops")).items
        return [item for item in listed if item.active]

    async def workshop(self, notebook: str) -> Workshop:
        return _read(Workshop, await self._call("GET", f"/api/v1/workshops/{notebook}"))

    async def register(self, form: Mapping[str, str], visitor: str | None) -> NewRegistration:
        """``visitor`` is his address: the api-db counts registrations by it, and would count them all as ours."""
        headers = {"X-Forwarded-For": visitor} if visitor else {}
        answer = await self._call("POST", "/api/v1/registrations", json=dict(form), headers=headers)
        return _read(NewRegistration, answer)

    async def registration(self, token: str) -> Registration:
        return _read(Registration, await self._call("GET", f"/api/v1/registrations/{token}"))

    async def end(self, token: str) -> None:
        await self._call("POST", f"/api/v1/registrations/{token}/end")

    async def take(self, token: str) -> None:
        """The seat that is offered."""
        await self._call("POST", f"/api/v1/registrations/{token}/take")

    async def unsubscribe(self, token: str) -> None:
        await self._call("POST", f"/api/v1/mails/unsubscribe/{token}")

    async def badge(self, token: UUID) -> Badge:
        return _read(Badge, await self._call("GET", f"/api/v1/badges/{token}"))

    async def badge_picture(self, token: UUID, kind: str, if_none_match: str | None) -> Picture:
        headers = {"If-None-Match": if_none_match} if if_none_match else {}
        path = f"/api/v1/badges/{token}/image.{kind}"
        answer = await self._call("GET", path, headers=headers, expected=frozenset({304, 307}))
        kept = {name: value for name, value in answer.headers.items() if name in _OF_A_PICTURE}
        return Picture(answer.status_code, answer.content, kept)

    async def extend(self, token: str) -> None:
        await self._call("POST", f"/api/v1/registrations/{token}/extend")

    async def correct_address(self, token: str, email: str, browser_key: str) -> str:
        """The new personal token."""
        body = {"email": email, "browser_key": browser_key}
        answer = await self._call("POST", f"/api/v1/registrations/{token}/address", json=body)
        return _read(CorrectedRegistration, answer).token

    async def events(self, token: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """The story behind the event ``after``, then what happens; ends where the api-db ends it."""
        path, resume = f"/api/v1/registrations/{token}/events", {"Last-Event-ID": str(after)}
        try:
            async with self._client.stream("GET", path, headers=resume, timeout=STREAM_TIMEOUT) as response:
                if not response.is_success:
                    await response.aread()
                    raise failure_of(response)
                async for data in _event_data(response.aiter_lines()):
                    yield Event.model_validate_json(data)
        except httpx.HTTPError as error:
            raise ApiAway(f"the event stream broke: {type(error).__name__}") from error
        except ValidationError as error:
            raise ApiAway("the event stream carries what is no event") from error

    async def check(self) -> str:
        """For readiness."""
        await self._call("GET", "/healthz")
        return "answers"

    async def _call(
        self,
        method: str,
        path: str,
        json: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        expected: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        try:
            told = {HEADER: current()} | (headers or {})
            response = await self._client.request(method, path, json=json, headers=told)
        except httpx.HTTPError as error:
            # without the path: it may hold a personal token, and this text is logged
            raise ApiAway(f"the api-db does not answer: {type(error).__name__}") from error
        if not response.is_success and response.status_code not in expected:
            raise failure_of(response)
        return response


def failure_of(response: httpx.Response) -> ApiAway | ApiRefused:
    """What an answer that is no success means."""
    if not 400 <= response.status_code < 500:
        return ApiAway(f"the api-db answered {response.status_code}")
    kept = {name: value for name, value in response.headers.items() if name == "retry-after"}
    try:
        return ApiRefused(ProblemDetails.model_validate_json(response.content), kept)
    except ValidationError:
        return ApiRefused(
            ProblemDetails(type="about:blank", title="", status=response.status_code, detail=response.reason_phrase)
        )


def _read(model: type[Model], response: httpx.Response) -> Model:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        # without the input: it may hold a personal token, and this text is logged
        wrong = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors(include_input=False))
        raise ApiAway(f"the api-db's {model.__name__} is not what the contract says at: {wrong}") from None


async def _event_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The data of each server-sent event (HTML standard, 9.2.6); ids and types are in our data too."""
    data: list[str] = []
    async for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data.clear()
