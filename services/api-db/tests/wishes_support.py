"""What the tests of booking wishes share."""

from typing import Any

import httpx
from api_support import ADMIN, Api

WISHES = "/api/v1/seat-wishes"


class Wisher:
    """An operator who sends files of wishes."""

    def __init__(self, api: Api, headers: dict[str, str]) -> None:
        self._api = api
        self._headers = headers | {"Content-Type": "application/yaml"}

    @classmethod
    async def of(cls, api: Api, account: dict[str, str] = ADMIN) -> "Wisher":
        return cls(api, await api.login(account))

    async def send(self, file: str | bytes, **more: str) -> httpx.Response:
        dry_run = {"dry_run": more.pop("dry_run")} if "dry_run" in more else {}
        content = file.encode() if isinstance(file, str) else file
        return await self._api.http.post(WISHES, params=dry_run, content=content, headers=self._headers | more)

    async def book(self, file: str, **more: str) -> Any:
        answer = await self.send(file, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


def booked(report: Any) -> dict[tuple[str, str], tuple[int, int]]:
    return {(row["workshop"], row["location"]): (row["first"], row["last"]) for row in report["booked"]}


def reasons(report: Any) -> dict[int, str]:
    return {row["line"]: row["reason"] for row in report["refused"]}
