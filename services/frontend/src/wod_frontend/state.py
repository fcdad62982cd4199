"""What the handlers need of the running process, as annotated dependencies.

They wait for nothing, and are async all the same: a plain function would be run in a thread, once per request.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from wod_frontend.api import Api
from wod_frontend.live import LiveStories
from wod_frontend.pages import Pages


async def _api(request: Request) -> Api:
    return cast(Api, request.app.state.api)


async def _live(request: Request) -> LiveStories:
    return cast(LiveStories, request.app.state.live)


def pages_of(request: Request) -> Pages:
    return cast(Pages, request.app.state.pages)


async def _pages(request: Request) -> Pages:
    return pages_of(request)


ApiDep = Annotated[Api, Depends(_api)]
LiveDep = Annotated[LiveStories, Depends(_live)]
PagesDep = Annotated[Pages, Depends(_pages)]
