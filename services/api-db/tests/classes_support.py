"""What the tests of classes share: an instructor, and a placement that is wide enough."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from api_support import ADMIN, Api

from wod_api_db.sweep import sweep

GRACE = {"username": "grace", "password": "correct horse battery"}
WORKSHOP = "WKSHP-API101"
HOUR = timedelta(hours=1)


async def widen(api: Api, seats: int) -> None:
    """The one placement takes so many, on as many seats."""
    await api.change("UPDATE placements SET last_seat = :seats, capacity = :seats", seats=seats)


@dataclass
class Teacher:
    """An account that calls the classes' endpoints."""

    api: Api
    headers: dict[str, str]

    @classmethod
    async def of(cls, api: Api, account: dict[str, str] = GRACE, role: str = "instructor") -> "Teacher":
        new = account | {"email": f"{account['username']}@example.org", "role": role}
        made = await api.http.post("/api/v1/accounts", json=new, headers=await api.login(ADMIN))
        assert made.status_code == 201, made.text
        return cls(api, await api.login(account))

    async def call(self, method: str, path: str = "", **given: Any) -> httpx.Response:
        return await self.api.http.request(method, f"/api/v1/classes{path}", headers=self.headers, **given)

    async def done(self, method: str, path: str = "", **given: Any) -> Any:
        answer = await self.call(method, path, **given)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def try_to_book(self, seats: int, begins: timedelta = HOUR, length: timedelta = HOUR, **more: Any) -> Any:
        """A class that begins so long from now."""
        start = datetime.now(UTC).replace(microsecond=0) + begins
        wanted = {"workshop": WORKSHOP, "seats": seats, "starts_at": _iso(start), "ends_at": _iso(start + length)}
        return await self.call("POST", json=wanted | {"speaker_seat": False} | more)

    async def book(self, seats: int, begins: timedelta = HOUR, length: timedelta = HOUR, **more: Any) -> Any:
        answer = await self.try_to_book(seats, begins, length, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def shown(self, class_id: int) -> Any:
        return await self.done("GET", f"/{class_id}")

    async def roster(self, class_id: int, text: str | bytes, **query: Any) -> httpx.Response:
        headers = self.headers | {"Content-Type": "text/csv"}
        path = f"/api/v1/classes/{class_id}/roster"
        return await self.api.http.post(path, content=text, params=query, headers=headers)


def _iso(moment: datetime) -> str:
    return moment.isoformat()


async def room(api: Api) -> int:
    shown = await api.http.get(f"/api/v1/workshops/{WORKSHOP}")
    return int(shown.json()["room"])


async def pass_time(api: Api, by: timedelta) -> None:
    """Everything that is booked lies so much nearer."""
    times = ("starts_at", "ends_at", "opens_at", "deploy_from", "measured_at", "ended_at")
    moved = ", ".join(f"{name} = {name} - CAST(:by AS interval)" for name in times)
    await api.change(f"UPDATE classes SET {moved}", by=by)
    await api.change(
        "UPDATE registrations SET class_ends_at = class_ends_at - CAST(:by AS interval), "
        "ends_at = ends_at - CAST(:by AS interval), expiring_at = expiring_at - CAST(:by AS interval)",
        by=by,
    )


async def swept(api: Api) -> None:
    await sweep(api.sessions, "test")
