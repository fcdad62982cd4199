"""Reports to an original api-db: the changes of rows by which its own back ends say that a command has ended.

Only the end of a command is told; the original has no place for the rest. Of a failure it hears nothing, as from its
own back ends: a customer that does not become active in 10 minutes gets its apology and its seat a CLEANUP, and a
seat that is not clean is not handed out.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog
from prometheus_client import Counter

from wod_backend_agent.api_client import NotOffered, NotTaken
from wod_backend_agent.content import workshop_of
from wod_backend_agent.legacy_api import LegacyApi, WorkshopRow
from wod_backend_agent.passwords import new_password
from wod_backend_agent.reporting import Refused
from wod_common.commands import Command, Verb
from wod_common.events import CommandEvent, EventType
from wod_common.heartbeat import Heartbeat, HeartbeatReceipt

log = structlog.get_logger()

UNTOLD = Counter("wod_agent_untold_failures", "Failed commands, of which an original api-db cannot be told", ["verb"])


@dataclass(frozen=True)
class Step:
    """One change of one row; the values may hold a password."""

    kind: str
    row: int
    values: Mapping[str, str] = field(repr=False)

    @property
    def frees(self) -> bool:
        return self.values.get("assigned") == "false"


@dataclass
class _Report:
    """What is still to be said of a command."""

    steps: deque[Step]
    #: global ids
    seats: set[int]
    #: an earlier process may have said some of them
    resumed: bool
    #: the first of the steps may have been taken, its answer lost
    in_doubt: bool
    #: seats of other people, where this try had to ask
    others: set[int] | None = None


class NoHeartbeats:
    """An original api-db takes none, and is not asked."""

    async def take(self, heartbeat: Heartbeat) -> HeartbeatReceipt:
        raise NotOffered("an original api-db takes no heartbeats")


class LegacyReporter:
    """Goes on where the last try has stopped; what a crash has cut off is said again from its start."""

    #: it takes what it is told as it comes: a late ``active`` would open a seat that has been cleaned since
    in_seat_order = True

    def __init__(self, api: LegacyApi, location: int) -> None:
        self._api = api
        self._location = location
        self._started = datetime.now(UTC)
        self._reports: dict[UUID, _Report] = {}
        self._workshops: dict[str, int] = {}

    async def report(self, command: Command, event: CommandEvent) -> None:
        if event.type is EventType.FAILED:
            _note_failure(command, event)
        if event.type is not EventType.DONE:
            return
        try:
            await self._tell(command, event)
        except Refused:
            self._reports.pop(command.id, None)
            raise
        del self._reports[command.id]

    async def _tell(self, command: Command, event: CommandEvent) -> None:
        if command.verb is Verb.CREATE:
            await self._check_awaited(command)
        report = self._reports.get(command.id)
        if report is None:
            resumed = event.at < self._started
            base = (await self._api.location(self._location)).basestdid
            seats = [base + student for student in command.students]
            steps = deque(await self._steps(command, event, seats))
            report = self._reports[command.id] = _Report(steps, set(seats), resumed, in_doubt=resumed)
        report.others = None
        while report.steps:
            await self._say(command, report, report.steps[0])
            report.steps.popleft()

    async def _check_awaited(self, command: Command) -> None:
        customer = await self._api.customer(_customer(command))
        if not customer.is_live:
            raise Refused(f"the session of customer {command.registration} is over already")

    async def _say(self, command: Command, report: _Report, step: Step) -> None:
        try:
            if values := await self._still_true(command, report, step):
                await self._api.change(step.kind, step.row, values)
        except NotTaken:
            report.in_doubt = True
            raise
        except Refused as refused:
            if command.verb is Verb.CREATE:
                raise
            # the rest of a cleaning is told all the same, so that the seat is handed out again
            log.warning("report dropped", command=str(command.id), what=f"{step.kind} {step.row}", why=str(refused))
        report.in_doubt = report.resumed

    async def _still_true(self, command: Command, report: _Report, step: Step) -> Mapping[str, str]:
        if step.kind == "workshop":
            return {"capacity": str(len(report.seats - await self._others(command, report)))}
        if step.kind == "customer" or not _may_be_anothers(command, report, step):
            return step.values
        if not (await self._api.student(step.row)).assigned:
            return {name: value for name, value in step.values.items() if name != "assigned"}
        if step.row in await self._others(command, report):
            log.warning("seat left alone, it has its next customer", command=str(command.id), student=step.row)
            return {}
        return step.values

    async def _others(self, command: Command, report: _Report) -> set[int]:
        if report.others is None:
            live = [one for one in await self._api.customers() if one.is_live and one.id != command.registration]
            report.others = {one.student_id for one in live if one.student_id is not None}
        return report.others

    async def _steps(self, command: Command, event: CommandEvent, seats: list[int]) -> list[Step]:
        if command.verb is Verb.CREATE:
            return _of_create(command, event, seats[0])
        if command.verb is Verb.PURGE:
            return _of_purge(seats[0])
        workshop = await self._workshop(command.workshop)
        if command.verb is Verb.RESET:
            return _of_reset(command, workshop, seats)
        cleanup = _of_cleanup(command, event, workshop, seats[0])
        return [*cleanup, *_of_purge(seats[0])] if command.verb is Verb.DELETE else cleanup

    async def _workshop(self, name: str) -> WorkshopRow | None:
        """None where the api-db has taken it out. The list is long in coming, so only one row is read anew."""
        known = self._workshops.get(name)
        if known is not None:
            try:
                return await self._api.workshop(known)
            except Refused:
                del self._workshops[name]
        by_notebook = {row.notebook: row for row in await self._api.workshops()}
        found = by_notebook.get(name) or by_notebook.get(str(workshop_of(name)))
        if found is None:
            log.warning("workshop unknown to the api-db", workshop=name)
            return None
        self._workshops[name] = found.id
        return await self._api.workshop(found.id)


def _customer(command: Command) -> int:
    if command.registration is None:
        raise Refused("an original api-db has no seats that are made ahead")
    return command.registration


def _may_be_anothers(command: Command, report: _Report, step: Step) -> bool:
    """A seat that was freed before can be the next person's by now, whose CREATE is on its way."""
    if command.verb is Verb.CREATE:
        return False
    return report.in_doubt or (step.frees and command.verb is not Verb.CLEANUP)


def _of_create(command: Command, event: CommandEvent, seat: int) -> list[Step]:
    if event.password is None:
        raise Refused("the journal holds no password for this CREATE")
    return [
        Step("student", seat, {"password": event.password.get_secret_value()}),
        Step("customer", _customer(command), {"active": "true"}),
    ]


def _of_cleanup(command: Command, event: CommandEvent, workshop: WorkshopRow | None, seat: int) -> list[Step]:
    def customer(**values: str) -> Step:
        return Step("customer", _customer(command), values)

    measured = [] if event.completion is None else [customer(completionPercentage=str(event.completion))]
    kept = [Step("student", seat, {"assigned": "true"}), customer(active="false")]
    freed = [Step("student", seat, {"assigned": "false"})]
    return [
        _locked(seat),
        *measured,
        *(kept if workshop and workshop.reset else freed),
        customer(cleaned="true"),
    ]


def _of_reset(command: Command, workshop: WorkshopRow | None, seats: list[int]) -> list[Step]:
    if workshop is None or not workshop.reset:
        # its own back ends do nothing then
        return []
    freed = [Step("student", seat, {"assigned": "false"}) for seat in seats]
    capacity = [] if command.last is None else [Step("workshop", workshop.id, {"capacity": str(len(seats))})]
    return [*map(_locked, seats), *freed, *capacity]


def _of_purge(seat: int) -> list[Step]:
    return [Step("student", seat, {"assigned": "false", **_locked(seat).values})]


def _locked(seat: int) -> Step:
    """A password that opens nothing in the place of the one that did."""
    return Step("student", seat, {"password": new_password()})


def _note_failure(command: Command, event: CommandEvent) -> None:
    UNTOLD.labels(command.verb).inc()
    log.error(
        "the api-db cannot be told of a failure",
        command=str(command.id),
        verb=command.verb,
        student=command.student,
        registration=command.registration,
        error=event.error,
    )
