"""What the OpenAPI document says beyond what FastAPI writes by itself."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from wod_common.problems import MEDIA_TYPE

DESCRIPTION = """
The native API of Workshops-on-Demand.

* **Visitors** need no account: a registration answers a *personal token*, which is part of its paths.
* **Operators and agents** log in with `POST /api/v1/login` and send `Authorization: Bearer`; the token is good for a
  quarter of an hour, and ends at once when the account is deleted or its role or password is changed.
* **Lists** come a page at a time, newest first: send `next` back as `cursor` for the following page; it is null on the
  last one.
* **Errors** are problem details (RFC 9457, `application/problem+json`); `detail` says what to do, `errors` names each
  wrong field. 429 comes with `Retry-After`.
"""
TAGS = [
    {"name": "workshops", "description": "The catalogue, with the room that is left."},
    {"name": "registrations", "description": "One person for one workshop, from the form to the farewell."},
    {"name": "students", "description": "Seats: numbered accounts of a location, used again and again."},
    {"name": "commands", "description": "What a location is told to do with a seat, and what it reports of it."},
    {"name": "accounts", "description": "Operators and agents."},
    {"name": "classes", "description": "Seats that an instructor books for a time, and whoever takes part."},
    {"name": "audit", "description": "What operators did."},
]
_PROBLEM = "#/components/schemas/ProblemDetails"


def page_example(item: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry of a list with one row: pages are generic and have no example of their own."""
    content = {"application/json": {"example": {"items": [item], "next": "MTA0MQ"}}}
    return {200: {"description": "A page of the list", "content": content}}


def describe(app: FastAPI) -> None:
    """Problem details are documented under their media type, with an example."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            for status, response in _responses(generated()):
                _document_problem(status, response)
        document: dict[str, Any] = generated()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way of extending the document


def _responses(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation["responses"].items()


def _document_problem(status: str, response: dict[str, Any]) -> None:
    content = response.get("content", {})
    media = content.get("application/json", {})
    if media.get("schema", {}).get("$ref") != _PROBLEM:
        return
    title = HTTPStatus(int(status)).phrase
    example = {"type": "about:blank", "title": title, "status": int(status), "detail": "What is wrong, and what to do."}
    response["content"] = {MEDIA_TYPE: media | {"example": example}}
