"""The api-db over REST: the portal's only source."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx2
from pydantic import BaseModel, ValidationError

from wod_common.problems import ProblemDetails
from wod_common.tracing import HEADER, current
from wod_frontend.wire import (
    Badge,
    CorrectedRegistration,
    EarnedBadge,
    EarnedBadges,
    Event,
    Feedback,
    Figures,
    JoinedClass,
    Names,
    NewRegistration,
    Registration,
    SpecialBadge,
    SpecialBadges,
    Workshop,
    WorkshopList,
)

Model = TypeVar("Model", bound=BaseModel)

#: A page that takes longer than this is better answered with "try again".
#: registrations of a crowd wait for each other: the answer may take seconds, and must not be given up half-way
TIMEOUT = httpx2.Timeout(5.0, read=30.0)
#: The api-db sends a comment every 15 s; three missed ones mean that the line is dead.
STREAM_TIMEOUT = httpx2.Timeout(5.0, read=45.0)


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


def connect(base_url: str) -> httpx2.AsyncClient:
    """The one client of the process; streams are many and long, so connections are not limited."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx2.AsyncClient(base_url=base_url, timeout=TIMEOUT, limits=limits)


class Api:
    """Every call raises ApiAway or ApiRefused. Names and tokens in paths must have been checked by the caller."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._listed: tuple[str, list[Workshop]] = ("", [])

    async def workshops(self) -> list[Workshop]:
        """The active ones, in the api-db's order: the most important first. Read anew only where they have changed."""
        etag, known = self._listed
        headers = {"If-None-Match": etag} if etag else {}
        answer = await self._call("GET", "/api/v1/workshops", headers=headers, expected=frozenset({304}))
        if answer.status_code != httpx2.codes.NOT_MODIFIED:
            known = [item for item in _read(WorkshopList, answer).items if item.active]
            self._listed = (answer.headers.get("etag", ""), known)
        return known

    async def popular(self) -> list[str]:
        """Folder names, the most popular first; the api-db counts once a minute."""
        return _read(Names, await self._call("GET", "/api/v1/workshops/popular")).items

    async def figures(self) -> Figures:
        return _read(Figures, await self._call("GET", "/api/v1/statistics/public"))

    async def special_badges(self) -> list[SpecialBadge]:
        return _read(SpecialBadges, await self._call("GET", "/api/v1/special-badges")).items

    async def joined_class(self, code: str, visitor: str | None) -> JoinedClass:
        """``code`` is quoted here, for people type it; ``visitor`` as in ``register``: wrong codes are counted."""
        headers = {"X-Forwarded-For": visitor} if visitor else {}
        return _read(JoinedClass, await self._call("GET", f"/api/v1/join/{quote(code, safe='')}", headers=headers))

    async def workshop(self, notebook: str) -> Workshop:
        return _read(Workshop, await self._call("GET", f"/api/v1/workshops/{notebook}"))

    async def register(self, form: Mapping[str, Any], visitor: str | None) -> NewRegistration:
        """``visitor`` is his address: the api-db counts registrations by it, and would count them all as ours."""
        headers = {"X-Forwarded-For": visitor} if visitor else {}
        answer = await self._call("POST", "/api/v1/registrations", json=dict(form), headers=headers)
        return _read(NewRegistration, answer)

    async def registration(self, token: str) -> Registration:
        return _read(Registration, await self._call("GET", f"/api/v1/registrations/{token}"))

    async def unsubscribe(self, token: str) -> None:
        await self._call("POST", f"/api/v1/mails/unsubscribe/{token}")

    async def badge(self, token: UUID) -> Badge:
        return _read(Badge, await self._call("GET", f"/api/v1/badges/{token}"))

    async def picture(self, path: str, if_none_match: str | None) -> Picture:
        """``path`` below ``/api/v1``."""
        headers = {"If-None-Match": if_none_match} if if_none_match else {}
        path = f"/api/v1/{path}"
        answer = await self._call("GET", path, headers=headers, expected=frozenset({304, 307}))
        kept = {name: value for name, value in answer.headers.items() if name in _OF_A_PICTURE}
        return Picture(answer.status_code, answer.content, kept)

    async def act(self, token: str, act: str, body: dict[str, Any] | None = None) -> None:
        """One of the calls that change a registration and whose answer is its own page."""
        await self._call("POST", f"/api/v1/registrations/{token}/{act}", json=body)

    async def feedback(self, token: str) -> Feedback | None:
        """None where none was given."""
        try:
            return _read(Feedback, await self._call("GET", f"/api/v1/registrations/{token}/feedback"))
        except ApiRefused as refused:
            if refused.problem.status != httpx2.codes.NOT_FOUND:
                raise
            return None

    async def give_feedback(self, token: str, rating: int, text: str) -> None:
        await self._call("PUT", f"/api/v1/registrations/{token}/feedback", json={"rating": rating, "text": text})

    async def earned(self, token: str) -> list[EarnedBadge]:
        return _read(EarnedBadges, await self._call("GET", f"/api/v1/registrations/{token}/badges")).items

    async def show_name(self, token: str, badge: UUID, *, shown: bool) -> None:
        await self._call("PATCH", f"/api/v1/registrations/{token}/badges/{badge}", json={"show_name": shown})

    async def calendar(self, token: str) -> bytes:
        return (await self._call("GET", f"/api/v1/registrations/{token}/calendar.ics")).content

    async def data(self, token: str) -> bytes:
        """All that is held, as JSON."""
        return (await self._call("GET", f"/api/v1/registrations/{token}/data")).content

    async def erase(self, token: str) -> None:
        await self._call("DELETE", f"/api/v1/registrations/{token}/data")

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
        except httpx2.HTTPError as error:
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
        json: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        expected: frozenset[int] = frozenset(),
    ) -> httpx2.Response:
        try:
            told = {HEADER: current()} | (headers or {})
            response = await self._client.request(method, path, json=json, headers=told)
        except httpx2.HTTPError as error:
            # without the path: it may hold a personal token, and this text is logged
            raise ApiAway(f"the api-db does not answer: {type(error).__name__}") from error
        if not response.is_success and response.status_code not in expected:
            raise failure_of(response)
        return response


def failure_of(response: httpx2.Response) -> ApiAway | ApiRefused:
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


def _read(model: type[Model], response: httpx2.Response) -> Model:
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
