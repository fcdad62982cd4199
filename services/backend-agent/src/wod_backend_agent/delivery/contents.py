"""The Contents API of a seat's server. What answers there is the student's to change: nothing of it is believed."""

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from wod_backend_agent.delivery.base import DeliveryFailed

#: What a proxy takes in one request; larger files go in pieces.
PIECE_BYTES = 8 * 1024 * 1024
#: One server is one process: more at a time only wait in it.
AT_ONCE = 4
CALL_SECONDS = 30.0
LARGEST_ANSWER = 64 * 1024
#: A listing has some 300 bytes an entry.
LARGEST_LISTING = 8 * 1024 * 1024


class ContentsRefused(Exception):
    """Names the path and what the server said; ``status`` is None where nothing was said that can be used."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Entry:
    """``name`` is a plain name."""

    name: str
    is_folder: bool


class SeatContents:
    """A few connections to one seat's server, kept while it is open; cookies are that server's own and end with it.

    Every method raises ContentsRefused.
    """

    def __init__(self, hub_url: str, username: str, token: SecretStr) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{hub_url.rstrip('/')}/user/{username}/api/contents/",
            # unpacking would turn a small answer into any size
            headers={"Authorization": f"token {token.get_secret_value()}", "Accept-Encoding": "identity"},
            timeout=CALL_SECONDS,
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def make_folder(self, path: str) -> None:
        await self._put(path, {"type": "directory"})

    async def write(self, path: str, content: bytes) -> None:
        """As bytes, notebooks too: the server would write those in a form of its own."""
        pieces = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)] or [b""]
        for number, piece in enumerate(pieces, 1):
            body = {"type": "file", "format": "base64", "content": base64.b64encode(piece).decode()}
            part = {"chunk": number if number < len(pieces) else -1} if len(pieces) > 1 else {}
            await self._put(path, body | part)

    async def rename(self, path: str, to: str) -> None:
        await self._json("PATCH", path, LARGEST_ANSWER, json={"path": to})

    async def verify(self, path: str, content: bytes) -> None:
        """That the server has the very bytes, by their SHA-256."""
        query = {"type": "file", "content": "0", "hash": "1"}
        answer = await self._json("GET", path, LARGEST_ANSWER, params=query)
        there = (answer.get("hash_algorithm"), answer.get("hash"))
        if there != ("sha256", hashlib.sha256(content).hexdigest()):
            raise ContentsRefused(f"{path} did not arrive as it was sent; is jupyter-server 2.11 or newer there?")

    async def entries(self, path: str) -> Sequence[Entry]:
        """Of a folder; what has no plain name or is hidden is left out."""
        answer = await self._json("GET", path, LARGEST_LISTING, params={"type": "directory", "content": "1"})
        found = answer.get("content")
        return [entry for one in found if (entry := _entry(one))] if isinstance(found, list) else []

    async def read(self, path: str, largest: int) -> bytes:
        """The file's bytes, ``largest`` at most."""
        # base64 takes four bytes for three
        limit = largest * 4 // 3 + LARGEST_ANSWER
        query = {"type": "file", "format": "base64", "content": "1"}
        answer = await self._json("GET", path, limit, params=query)
        try:
            return base64.b64decode(str(answer.get("content", "")), validate=False)[: largest + 1]
        except (binascii.Error, ValueError) as error:
            raise ContentsRefused(f"{path} came as something else than base64") from error

    async def _put(self, path: str, body: dict[str, Any]) -> None:
        await self._json("PUT", path, LARGEST_ANSWER, json=body, params={"content": "0"})

    async def _json(self, method: str, path: str, largest: int, **request: Any) -> dict[str, Any]:
        try:
            async with self._client.stream(method, _address(path), **request) as answer:
                body = await _body(answer, path, largest)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ContentsRefused(f"no answer about {path[:200]} ({type(error).__name__})") from error
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            said = f"{method} {path} was answered {answer.status_code}: {_said(body)}"
            raise ContentsRefused(said, answer.status_code)
        # a large one takes long enough to hold up everything else
        parsed = await asyncio.to_thread(_parsed, body)
        if not isinstance(parsed, dict):
            raise ContentsRefused(f"the answer about {path} is no JSON object")
        return parsed


def _address(path: str) -> str:
    try:
        return "/".join(quote(part, safe="") for part in path.split("/"))
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        raise ContentsRefused(f"the name {shown} is not UTF-8: give the file another one") from None


async def _body(answer: httpx.Response, path: str, largest: int) -> bytes:
    body = bytearray()
    raw: AsyncIterator[bytes] = answer.aiter_raw()
    async for piece in raw:
        body += piece
        if len(body) > largest:
            raise ContentsRefused(f"the answer about {path} has more than {largest} bytes")
    return bytes(body)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(body: bytes) -> str:
    parsed = _parsed(body)
    said = parsed.get("message") if isinstance(parsed, dict) else None
    return str(said or body[:200].decode("utf-8", "replace"))[:200]


def _entry(found: Any) -> Entry | None:
    name = found.get("name") if isinstance(found, dict) else None
    if not isinstance(name, str) or not name or len(name) > 255 or name.startswith(".") or "/" in name:
        return None
    return Entry(name, found.get("type") == "directory")


def failed(username: str, error: ContentsRefused) -> DeliveryFailed:
    return DeliveryFailed(f"the server of {username} did not do as asked: {error}")
