"""The legacy wire's ways of saying no, and the route class that turns every error into one of them."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException

from wod_common.problems import Problem

#: What the original says of a value it misses; it says nothing of those it cannot store.
_MISSING = frozenset({"missing", "string_too_short", "model_attributes_type", "dict_type"})


class Answer(Exception):
    """An answer other than the row asked for. As an exception it undoes what the request has begun."""

    def __init__(self, status: int, content: str | dict[str, Any]) -> None:
        super().__init__(content)
        self.status = status
        self.content = content


class Message(BaseModel):
    """A refusal."""

    message: str


class Error(BaseModel):
    """The original's answer to a value that is missing or an id that it does not know."""

    error: dict[str, Any] = {}


class Empty(BaseModel):
    """Deleted."""


def refuse(status: HTTPStatus, message: str) -> Answer:
    return Answer(status, {"message": message})


def failed() -> Answer:
    return Answer(400, {"error": {}})


async def flush_or_refuse(session: AsyncSession, status: HTTPStatus, message: str) -> None:
    """Where the database's own rules speak against it, everything of the request is undone and ``message`` says why."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise refuse(status, message) from error


class LegacyRoute(APIRoute):
    """Translates the errors of our services; rendering is left to the handler outside of the transaction."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise _invalid(error) from error
            except Problem as error:
                raise Answer(error.status, {"message": error.detail}) from error
            except HTTPException as error:
                raise Answer(error.status_code, {"message": str(error.detail)}) from error

        return translated


def _invalid(error: RequestValidationError) -> Answer:
    errors = error.errors()
    if any(item["type"] == "json_invalid" for item in errors):
        return refuse(HTTPStatus.BAD_REQUEST, "the body is not JSON")
    if any(item["loc"][0] != "body" for item in errors):
        return refuse(HTTPStatus.BAD_REQUEST, _sentence(errors))
    if any(item["type"] in _MISSING or item.get("input") is None for item in errors):
        return failed()
    return refuse(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(errors))


def _sentence(errors: Any) -> str:
    return "; ".join(f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}" for item in errors)


async def _render(_: Request, error: Exception) -> Response:
    assert isinstance(error, Answer)
    if isinstance(error.content, str):
        return HTMLResponse(error.content, error.status)
    return JSONResponse(error.content, error.status)


def add_answer_handler(app: FastAPI) -> None:
    app.add_exception_handler(Answer, _render)


_TEXT = {"text/html": {"schema": {"type": "string"}}}


def answers(*, text: int | None = None, empty: bool = False, refusals: tuple[int, ...] = ()) -> dict[int | str, Any]:
    """The OpenAPI entries of an operation: ``text`` is a status answered as text, ``refusals`` as a message."""
    documented: dict[int | str, Any] = {
        status: {"model": Message, "description": HTTPStatus(status).phrase} for status in refusals
    }
    documented[400] = {"model": Message | Error, "description": "An id, a value or a body that is none"}
    documented[422] = {"model": Message, "description": "A value that is refused; the message names it"}
    if text is not None:
        documented.setdefault(text, {"description": "A text"})["content"] = dict(_TEXT)
    if empty:
        documented[200] = {"content": dict(_TEXT), "description": "The row; empty for an address that is not taken"}
    return documented


TOKEN = (401, 403)
