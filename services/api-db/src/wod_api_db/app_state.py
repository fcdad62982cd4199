"""What the process holds for its requests, as dependencies.

They wait for nothing, and are async all the same: a plain function would be run in a thread, once per request.
"""

from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from wod_api_db.registrations.addresses import DenyList
from wod_api_db.registrations.following import Notifications
from wod_api_db.settings import Settings
from wod_api_db.workshops.catalogue import Catalogue


async def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


async def _sessions(request: Request) -> async_sessionmaker[AsyncSession]:
    return cast(async_sessionmaker[AsyncSession], request.app.state.sessions)


async def _notifications(request: Request) -> Notifications:
    return cast(Notifications, request.app.state.notifications)


async def _deny_list(request: Request) -> DenyList:
    return cast(DenyList, request.app.state.deny_list)


async def _catalogue(request: Request) -> Catalogue:
    return cast(Catalogue, request.app.state.catalogue)


SettingsDep = Annotated[Settings, Depends(_settings)]
SessionsDep = Annotated[async_sessionmaker[AsyncSession], Depends(_sessions)]
NotificationsDep = Annotated[Notifications, Depends(_notifications)]
DenyListDep = Annotated[DenyList, Depends(_deny_list)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
