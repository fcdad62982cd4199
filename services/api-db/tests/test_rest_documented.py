"""The OpenAPI document says of every route what it takes to use it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_support import settings_for

from wod_api_db.app import create_app


def _document() -> dict[str, Any]:
    return create_app(settings_for("postgresql://nobody:nothing@127.0.0.1/none", Path("none"))).openapi()


DOCUMENT = _document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
NATIVE = {label: operation for label, operation in OPERATIONS.items() if " /api/v1/" in label}


def _json_answers(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for status, response in operation["responses"].items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            yield response["content"]["application/json"]


def _has_example(media: dict[str, Any]) -> bool:
    name = media["schema"].get("$ref", "").rpartition("/")[2]
    return "example" in media or "examples" in DOCUMENT["components"]["schemas"].get(name, {})


def test_there_is_something_to_look_at() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert len(NATIVE) > 20


@pytest.mark.parametrize("label", OPERATIONS)
def test_it_says_what_it_does(label: str) -> None:
    assert OPERATIONS[label].get("description"), label


@pytest.mark.parametrize("label", NATIVE)
def test_its_answer_has_an_example(label: str) -> None:
    assert all(map(_has_example, _json_answers(NATIVE[label]))), label


@pytest.mark.parametrize("label", [label for label in NATIVE if NATIVE[label].get("security")])
def test_it_says_how_a_token_is_refused(label: str) -> None:
    assert {"401", "403"} <= NATIVE[label]["responses"].keys()


@pytest.mark.parametrize("label", [label for label in NATIVE if "{" in label])
def test_it_says_that_a_thing_may_not_be_there(label: str) -> None:
    assert "404" in NATIVE[label]["responses"]


@pytest.mark.parametrize("label", NATIVE)
def test_its_errors_are_problem_details(label: str) -> None:
    for status, response in NATIVE[label]["responses"].items():
        if status.startswith(("4", "5")):
            assert list(response["content"]) == ["application/problem+json"], status
