"""What the handlers need of the running process, as annotated dependencies."""

from typing import Annotated, cast

from fastapi import Depends, Request

from wod_frontend.api import Api
from wod_frontend.live import LiveStories
from wod_frontend.pages import Pages


def _api(request: Request) -> Api:
    return cast(Api, request.app.state.api)


def _live(request: Request) -> LiveStories:
    return cast(LiveStories, request.app.state.live)


def pages_of(request: Request) -> Pages:
    return cast(Pages, request.app.state.pages)


ApiDep = Annotated[Api, Depends(_api)]
LiveDep = Annotated[LiveStories, Depends(_live)]
PagesDep = Annotated[Pages, Depends(pages_of)]
