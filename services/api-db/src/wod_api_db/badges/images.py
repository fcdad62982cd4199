"""Pictures of badges over HTTP: the one a workshop brings by its link, else ours, as SVG or PNG."""

import asyncio
import hashlib
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any

import resvg_py
from fastapi import Response
from fastapi.responses import RedirectResponse

from wod_api_db.badges.drawing import SIZE
from wod_api_db.settings import Settings

#: A badge looks the same for ever, but for a workshop that is renamed.
_CACHE = {"Cache-Control": "public, max-age=3600"}
_WEIGHTS = ("Medium", "Bold", "ExtraBold")
#: For the routes: what they answer beside the problems.
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "Drawn by this service", "content": {"image/svg+xml": {}, "image/png": {}}},
    304: {"description": "The one that ``If-None-Match`` names is still good"},
    307: {"description": "The picture that the workshop brings"},
}


class Kind(StrEnum):
    SVG = "svg"
    PNG = "png"


def brought(image: str, settings: Settings) -> str | None:
    """The link of a picture that is not ours to draw. A bare name is of a picture that this installation has not."""
    if image.startswith("/"):
        return settings.portal_url.rstrip("/") + image
    return image if image.startswith(("https://", "http://")) else None


def redirect(link: str) -> Response:
    return RedirectResponse(link, headers=_CACHE)


async def answer(svg: str, kind: Kind, if_none_match: str | None) -> Response:
    """In a thread: a PNG takes some hundredths of a second, the first time."""
    tag = f'"{hashlib.sha256(svg.encode()).hexdigest()[:32]}-{kind}"'
    headers = _CACHE | {"ETag": tag, "X-Content-Type-Options": "nosniff"}
    if tag in [known.strip().removeprefix("W/") for known in (if_none_match or "").split(",")]:
        return Response(status_code=304, headers=headers)
    if kind is Kind.PNG:
        return Response(await asyncio.to_thread(png, svg), media_type="image/png", headers=headers)
    # a browser that opens the file itself runs and loads nothing
    headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return Response(svg, media_type="image/svg+xml", headers=headers)


@lru_cache(maxsize=128)
def png(svg: str) -> bytes:
    """With the font that we install, so that there is writing on a machine without fonts; the system's for the rest."""
    fonts = resources.files("font_manrope") / "files"
    files = [str(fonts / f"Manrope-{weight}.ttf") for weight in _WEIGHTS]
    return resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, font_files=files)
