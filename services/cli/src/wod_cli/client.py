"""The API, with errors that say what to do."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from wod_cli.failures import Failure, Misused, NotLoggedIn, NotReachable
from wod_cli.output import is_table

#: What a proxy answers while nothing is behind it.
_NOBODY_BEHIND = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
LARGEST_PAGE = 500
LONGEST_DETAIL = 2000


class Api:
    """``way_out`` says where the address comes from, for whoever finds nobody there."""

    def __init__(self, url: str, timeout: float, *, token: str | None = None, way_out: str) -> None:
        _check_address(url, way_out)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # no settings of the environment, for a .netrc would take the place of the token; but whom to believe (SSL_CERT_FILE)
        believed = httpx.create_ssl_context()
        self._http = httpx.Client(base_url=url, timeout=timeout, headers=headers, trust_env=False, verify=believed)
        self._url = url
        self._way_out = way_out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    @property
    def root(self) -> str:
        """Where ``/healthz`` is."""
        return self._url.removesuffix("/").removesuffix("/api/v1")

    def version(self) -> str:
        """Of the release that answers."""
        return str(self._call("GET", f"{self.root}/openapi.json", {})["info"]["version"])

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        return self._call("POST", path, query, body)

    def send(self, path: str, content: bytes, media_type: str, **query: Any) -> Any:
        """A file as it is."""
        return self._call("POST", path, query, content=content, headers={"Content-Type": media_type})

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, {}, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PUT", path, {}, body)

    def delete(self, path: str, **query: Any) -> None:
        self._call("DELETE", path, query)

    def items(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """Of a list, page by page, ``limit`` at most."""
        cursor = None
        while limit > 0:
            page = self.get(path, **query, limit=min(limit, LARGEST_PAGE), cursor=cursor)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page.get("next")
            if cursor is None:
                return

    def _call(
        self, method: str, path: str, query: Mapping[str, Any], body: Mapping[str, Any] | None = None, **raw: Any
    ) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        try:
            answer = self._http.request(method, path, params=given, json=body, **raw)
        except httpx.TimeoutException as error:
            raise NotReachable(f"{self._url} did not answer in time; give it more with --timeout") from error
        except httpx.TransportError as error:
            raise NotReachable(f"nobody answers at {self._url}: {error}; {self._way_out}") from error
        if not answer.is_success:
            raise self._failure(answer)
        return self._document(answer) if answer.content else None

    def _document(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise NotReachable(f"{self._url} answers, but not as the API does; {self._way_out}") from error

    def _failure(self, answer: httpx.Response) -> Failure:
        status = answer.status_code
        if answer.is_redirect:
            return NotReachable(f"{self._url} leads on to {answer.headers.get('location')}; {self._way_out}")
        detail, kind = _problem(answer)
        if status in _NOBODY_BEHIND:
            return NotReachable(f"{self._url} answers {status}: {detail}", status=status)
        failure: Callable[..., Failure] = NotLoggedIn if status == HTTPStatus.UNAUTHORIZED else Failure
        return failure(detail, type_=kind, status=status, lists=_lists(answer))


def _check_address(url: str, way_out: str) -> None:
    """Raises Misused. Stricter than httpx, which would look a host named ``x:99999`` up."""
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except (httpx.InvalidURL, ValueError):
        sound = False
    if not sound:
        raise Misused(f"{url!r} is no address of the form https://host[:port]; {way_out}")


def _lists(answer: httpx.Response) -> dict[str, list[dict[str, Any]]]:
    """What a problem says beside its detail, as far as it can be shown as tables."""
    try:
        members = answer.json().items()
    except (ValueError, AttributeError):
        return {}
    return {name: rows for name, rows in members if is_table(rows)}


def _problem(answer: httpx.Response) -> tuple[str, str | None]:
    """Detail and type of an RFC 9457 problem, or of whatever else has come."""
    try:
        problem = answer.json()
        return str(problem["detail"]), str(problem["type"])
    except (ValueError, KeyError, TypeError):
        said = answer.text.strip()[:LONGEST_DETAIL] or answer.reason_phrase
        return f"{answer.status_code}: {said}", None
