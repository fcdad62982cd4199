"""Errors that a person can act on: RFC 9457 problem details, raised as exceptions and rendered in one place."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """The wire form. ``errors`` names each wrong field of a request."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class Problem(Exception):
    """Base of the errors a caller may see; the class gives status and type, the instance the detail."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    type: ClassVar[str] = "about:blank"

    def __init__(
        self, detail: str, *, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def details(self) -> ProblemDetails:
        return ProblemDetails(
            type=self.type, title=self.status.phrase, status=self.status, detail=self.detail, errors=self.errors
        )


class BadRequest(Problem):
    """The body is no JSON."""


class Unauthorized(Problem):
    """No valid token came with the call."""

    status = HTTPStatus.UNAUTHORIZED
    type = "unauthorized"


class Forbidden(Problem):
    """The account may not do this."""

    status = HTTPStatus.FORBIDDEN
    type = "forbidden"


class NotFound(Problem):
    """There is nothing by that name."""

    status = HTTPStatus.NOT_FOUND
    type = "not-found"


class Conflict(Problem):
    status = HTTPStatus.CONFLICT
    type = "conflict"


class Unprocessable(Problem):
    """A value is wrong; ``errors`` names the fields."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    type = "invalid"


class TooManyRequests(Problem):
    """Too often within a minute; the header ``Retry-After`` gives the seconds until the next try."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    type = "too-many-requests"


def _response(details: ProblemDetails, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        details.model_dump(mode="json", exclude_none=True), details.status, dict(headers or {}), media_type=MEDIA_TYPE
    )


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _response(error.details(), error.headers)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return _response(
        ProblemDetails(type="about:blank", title=title, status=error.status_code, detail=str(error.detail)),
        error.headers,
    )


async def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in item["loc"][1:]), "message": item["msg"]} for item in error.errors()
    ]
    detail = "; ".join(f"{item['field'] or 'body'}: {item['message']}" for item in errors)
    return _response(
        ProblemDetails(type="invalid", title="Unprocessable Content", status=422, detail=detail, errors=errors)
    )


def add_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)


def responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry for the errors an operation may answer."""
    return {
        int(problem.status): {"model": ProblemDetails, "description": problem.__doc__ or problem.status.phrase}
        for problem in problems
    }
