"""The legacy surface as its callers see it."""

import json
from typing import Any

import httpx
from api_support import ADMIN, Api

from wod_api_db.accounts.models import Account
from wod_api_db.accounts.passwords import hash_password
from wod_api_db.accounts.tokens import Role

PASSWORD = "legacy-secret"


class Legacy:
    """A caller with the token of one account, or with none."""

    def __init__(self, api: Api, token: str | None) -> None:
        self.api = api
        self.token = token

    async def call(self, method: str, path: str, content: Any = None) -> httpx.Response:
        headers = {"content-type": "application/json"} | ({"x-access-token": self.token} if self.token else {})
        body = None if content is None else json.dumps(content)  # in ASCII, so that lone surrogates can be sent
        return await self.api.http.request(method, f"/api{path}", headers=headers, content=body)

    async def get(self, path: str) -> httpx.Response:
        return await self.call("GET", path)

    async def post(self, path: str, content: Any = None) -> httpx.Response:
        return await self.call("POST", path, content)

    async def put(self, path: str, content: Any = None) -> httpx.Response:
        return await self.call("PUT", path, content)

    async def delete(self, path: str) -> httpx.Response:
        return await self.call("DELETE", path)

    async def register(self, email: str = "john@corp-a.com", **changes: Any) -> httpx.Response:
        form = {"name": "john mc doe-smith", "email": email, "company": "Corp A", "sessionName": "API 101"}
        return await self.post("/customer", form | changes)


def anyone(api: Api) -> Legacy:
    return Legacy(api, None)


async def login(api: Api, username: str, password: str = PASSWORD) -> Legacy:
    answer = await anyone(api).post("/login", {"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    return Legacy(api, answer.json()["accessToken"])


async def admin(api: Api) -> Legacy:
    return await login(api, **ADMIN)


async def account(api: Api, username: str, role: Role) -> Legacy:
    async with api.sessions.begin() as session:
        session.add(
            Account(
                username=username,
                email=f"{username}@example.org",
                role=role,
                password_hash=await hash_password(PASSWORD),
            )
        )
    return await login(api, username)
