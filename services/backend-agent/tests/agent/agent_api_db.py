"""An HTTP server in the api-db's place."""

from collections import defaultdict
from uuid import UUID

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse


class ApiDb:
    """Refuses as often as told, then keeps what it gets."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.logins = 0
        self.events: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
        self.heartbeats: list[dict[str, object]] = []
        self.receipt: object = {"seats": []}
        self.incidents: list[dict[str, object]] = []
        self.incident_receipt: object = {"registration": 1}
        self.app = FastAPI()
        self.app.post("/api/v1/login")(self._log_in)
        self.app.post("/api/v1/commands/{command}/events")(self._take)
        self.app.post("/api/v1/locations/3/heartbeat")(self._take_heartbeat)
        self.app.post("/api/v1/locations/3/incidents")(self._take_incident)

    async def _log_in(self, request: Request) -> dict[str, str]:
        assert (await request.json())["username"] == "agent"
        self.logins += 1
        return {"access_token": f"jwt-{self.logins}"}

    async def _take(self, command: str, request: Request) -> Response:
        if self.answers and (refusal := self.answers.pop(0)) != 200:
            return Response(status_code=refusal)
        if request.headers["Authorization"] != f"Bearer jwt-{self.logins}":
            return Response(status_code=401)
        self.events[command].append(await request.json())
        return JSONResponse({"state": "running"})

    async def _take_heartbeat(self, request: Request) -> Response:
        if self.answers and (refusal := self.answers.pop(0)) != 200:
            return Response(status_code=refusal)
        if request.headers["Authorization"] != f"Bearer jwt-{self.logins}":
            return Response(status_code=401)
        self.heartbeats.append(await request.json())
        return JSONResponse(self.receipt)

    async def _take_incident(self, request: Request) -> Response:
        if self.answers and (refusal := self.answers.pop(0)) != 200:
            return Response(status_code=refusal)
        self.incidents.append(await request.json())
        return JSONResponse(self.incident_receipt)

    def types(self, command: UUID) -> list[object]:
        return [event["type"] for event in self.events[str(command)]]
