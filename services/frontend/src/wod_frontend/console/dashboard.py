"""The first page of operators: the five figures, then how the platform does right now."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from wod_frontend.console.backstage import Row
from wod_frontend.console.charts import Bar, bars, columns
from wod_frontend.console.desk import DeskDep
from wod_frontend.language import gettext, later

router = APIRouter(prefix="/console", default_response_class=HTMLResponse, include_in_schema=False)

#: name: (words, days); the api-db counts ten years back at most
SPANS = {
    "day": (later("24 hours"), 1),
    "week": (later("7 days"), 7),
    "month": (later("30 days"), 30),
    "all": (later("Since the start"), 3650),
}
Span = Annotated[str, Query(pattern="^(day|week|month|all)$")]
#: A chart of more columns than that is a grey block.
MOST_COLUMNS = 60
MOST_BARS = 12


@router.get("")
async def dashboard(desk: DeskDep, span: Span = "all") -> Response:
    since = datetime.now(UTC) - timedelta(days=SPANS[span][1])
    figures, public, locations, notices, pauses = await asyncio.gather(
        desk.api.get("/api/v1/statistics", since=since.isoformat()),
        desk.api.get("/api/v1/statistics/public"),
        desk.api.get("/api/v1/locations"),
        desk.api.get("/api/v1/notices", limit=5),
        desk.api.get("/api/v1/pauses"),
    )
    times = _times(figures)
    return desk.page(
        "dashboard.html",
        span=span,
        spans=SPANS,
        figures=figures,
        public=public,
        locations=locations["items"],
        notices=notices["items"],
        pauses=pauses["items"],
        waiting=_waiting(figures, locations["items"]),
        by_workshop=_by_workshop(figures),
        over_time=columns(gettext("Registrations over time (UTC)"), times),
        times=[(bar.label, bar.value) for bar in times],
    )


def _waiting(figures: Row, locations: list[Row]) -> dict[str, int]:
    states = {row["state"]: row["registrations"] for row in figures["by_state"]}
    return {
        "line": states.get("waiting", 0) + states.get("offered", 0),
        "labs": states.get("registered", 0) + states.get("deploying", 0),
        "commands": sum(row["commands_waiting"] for row in locations),
    }


def _by_workshop(figures: Row) -> Markup:
    rows = sorted(figures["by_workshop"], key=lambda row: -row["registrations"])[:MOST_BARS]
    return bars([Bar(row["name"], row["registrations"]) for row in rows])


def _times(figures: Row) -> list[Bar]:
    """As many columns as a chart can show; each holds one step, or several."""
    moments = figures["over_time"]
    first = next((number for number, row in enumerate(moments) if row["registrations"]), len(moments) - 1)
    # what lies before the first registration says nothing
    kept = moments[max(0, min(first, len(moments) - 7)) :]
    width = max(1, -(-len(kept) // MOST_COLUMNS))
    groups = [kept[start : start + width] for start in range(0, len(kept), width)]
    form = "%H:%M" if figures["step"] == "hour" else "%-d %b"
    return [
        Bar(
            datetime.fromisoformat(group[0]["at"]).strftime(form),
            sum(row["registrations"] for row in group),
        )
        for group in groups
    ]
