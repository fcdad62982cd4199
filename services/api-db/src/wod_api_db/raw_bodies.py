"""Bodies that are no JSON: taken as they come, of one media type, up to a size."""

from http import HTTPStatus
from typing import Any

from fastapi import Request

from wod_common.problems import Problem


class TooLarge(Problem):
    """The body is too long."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    type = "too-large"


class OtherMediaType(Problem):
    """The body is not of the media type that is asked for."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    type = "unsupported-media-type"


async def read_body(request: Request, media_type: str, most: int, way_out: str) -> bytes:
    """Of ``most`` bytes; ``way_out`` is for whoever sends more. Raises TooLarge and OtherMediaType."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise OtherMediaType(f"send it as it is, with Content-Type: {media_type}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"the body has more than {most} bytes; {way_out}")
    return bytes(body)


def raw_body(media_type: str, **more: Any) -> dict[str, Any]:
    """The OpenAPI entry of such a body."""
    media = {"schema": {"type": "string", "format": "binary"}} | more
    return {"requestBody": {"required": True, "content": {media_type: media}}}
