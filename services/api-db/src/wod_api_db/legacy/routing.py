"""What the legacy routers share."""

from typing import Annotated

from fastapi import APIRouter, Path

from wod_api_db.legacy.answers import LegacyRoute

#: of everything but customers
Id = Annotated[int, Path(ge=0, le=2**31 - 1)]
CustomerId = Annotated[int, Path(ge=0, le=2**63 - 1)]


def legacy_router() -> APIRouter:
    return APIRouter(prefix="/api", tags=["legacy"], route_class=LegacyRoute)
