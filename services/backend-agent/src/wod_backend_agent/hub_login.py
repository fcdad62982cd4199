"""``/hub/login``: the hub's authenticator asks here, because the agent alone knows the seats' passwords."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from wod_backend_agent.logins import Logins
from wod_common.bearer import require_token
from wod_common.problems import Unauthorized, responses


class LoginRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: Annotated[str, Field(max_length=100)]
    password: Annotated[SecretStr, Field(max_length=4096)]


class LoginAnswer(BaseModel):
    allowed: bool


def hub_login_router(logins: Logins, tokens: Iterable[SecretStr | None]) -> APIRouter:
    router = APIRouter(prefix="/hub", tags=["hub"], dependencies=[Depends(require_token(*tokens))])

    @router.post("/login", responses=responses(Unauthorized))
    async def login(request: LoginRequest) -> LoginAnswer:
        allowed = await logins.allowed(request.username, request.password.get_secret_value())
        return LoginAnswer(allowed=allowed)

    return router
