"""``/appliances``: preparing appliances in the background, and what has come of it."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from wod_backend_agent.appliance_setup import ApplianceSetup, CannotSetUp, Plan
from wod_backend_agent.delivery.base import DeliveryFailed
from wod_backend_agent.hooks import HookFailed
from wod_common.bearer import require_token
from wod_common.commands import StudentNumber, WorkshopName
from wod_common.problems import Conflict, NotFound, Unauthorized, Unprocessable, responses

log = structlog.get_logger()

#: Runs that are kept; each has the output of its seats.
KEPT_RUNS = 100


class SetupState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class SetupRequest(BaseModel):
    """The seats whose appliances are prepared; all of the range in wod.yml where they are left out."""

    model_config = ConfigDict(extra="forbid")

    first: StudentNumber | None = None
    last: StudentNumber | None = None
    #: where an operator has moved the workshop's range, its first seat, from which addresses are counted
    first_seat: StudentNumber | None = None

    @property
    def seats(self) -> tuple[int, int] | None:
        """Raises Unprocessable."""
        if (self.first is None) != (self.last is None):
            raise Unprocessable("name the first and the last seat, or neither for the whole range")
        return (self.first, self.last) if self.first and self.last else None


class SeatSetup(BaseModel):
    student: int
    state: SetupState = SetupState.WAITING
    output: str = ""


class SetupRun(BaseModel):
    """``failed`` where the appliance of one seat did; the others are prepared all the same."""

    id: UUID
    workshop: str
    state: SetupState = SetupState.RUNNING
    begun: datetime
    ended: datetime | None = None
    seats: list[SeatSetup]


class ApplianceRuns:
    """``folder`` keeps one file for each run, so that its outcome is there after a restart."""

    def __init__(self, setup: ApplianceSetup, folder: Path, concurrency: int) -> None:
        self._setup = setup
        self._folder = folder
        self._turns = asyncio.Semaphore(concurrency)
        self._working: dict[UUID, tuple[str, asyncio.Task[None]]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._close_what_a_crash_has_left()

    def begin(self, workshop: str, request: SetupRequest) -> SetupRun:
        """Raises Unprocessable and Conflict."""
        try:
            plan = self._setup.plan(workshop, request.seats, request.first_seat)
        except CannotSetUp as error:
            raise Unprocessable(str(error)) from error
        if any(workshop == other for other, _ in self._working.values()):
            raise Conflict(f"the appliances of {workshop} are being prepared already; wait for the end of that run")
        seats = [SeatSetup(student=student) for student in plan.turns]
        run = SetupRun(id=uuid4(), workshop=workshop, begun=datetime.now(UTC), seats=seats)
        self._prune()
        self._store(run)
        task = asyncio.create_task(self._work(run, plan))
        self._working[run.id] = (workshop, task)
        task.add_done_callback(lambda _task: self._working.pop(run.id, None))
        return run

    def find(self, run: UUID) -> SetupRun | None:
        path = self._path(run)
        return SetupRun.model_validate_json(path.read_bytes()) if path.is_file() else None

    async def stop(self) -> None:
        tasks = [task for _, task in self._working.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, run: SetupRun, plan: Plan) -> None:
        try:
            await asyncio.gather(*(self._prepare(run, plan, seat) for seat in run.seats))
        finally:
            self._end(run)

    async def _prepare(self, run: SetupRun, plan: Plan, seat: SeatSetup) -> None:
        async with self._turns:
            seat.state = SetupState.RUNNING
            self._store(run)
            try:
                seat.output = await self._setup.prepare(plan, seat.student)
                seat.state = SetupState.DONE
            except (DeliveryFailed, HookFailed) as error:
                seat.state, seat.output = SetupState.FAILED, str(error)
            except Exception as error:  # noqa: BLE001 - the edge of a run: whatever it raises ends this seat, not the others
                _break(run, seat, error)
            self._store(run)

    def _end(self, run: SetupRun) -> None:
        for seat in run.seats:
            if seat.state in {SetupState.WAITING, SetupState.RUNNING}:
                seat.state, seat.output = SetupState.FAILED, "the agent was stopped; prepare it again"
        done = all(seat.state is SetupState.DONE for seat in run.seats)
        run.state = SetupState.DONE if done else SetupState.FAILED
        run.ended = datetime.now(UTC)
        self._store(run)

    def _close_what_a_crash_has_left(self) -> None:
        for path in self._files():
            try:
                run = SetupRun.model_validate_json(path.read_bytes())
            except ValidationError:
                path.unlink()
                continue
            if run.state is SetupState.RUNNING:
                self._end(run)

    def _prune(self) -> None:
        oldest = sorted(self._files(), key=lambda path: path.stat().st_mtime)
        for path in oldest[: max(0, len(oldest) - KEPT_RUNS + 1)]:
            if UUID(path.stem) not in self._working:
                path.unlink()

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("*.json")

    def _store(self, run: SetupRun) -> None:
        """Whole or not at all: a crash leaves what was there."""
        path = self._path(run.id)
        fresh = path.with_suffix(".new")
        fresh.touch(0o600)
        fresh.write_text(run.model_dump_json(), encoding="utf-8")
        fresh.replace(path)

    def _path(self, run: UUID) -> Path:
        return self._folder / f"{run}.json"


def _break(run: SetupRun, seat: SeatSetup, error: Exception) -> None:
    log.error("preparing an appliance broke", workshop=run.workshop, student=seat.student, exc_info=error)
    seat.state, seat.output = SetupState.FAILED, f"the agent broke: {type(error).__name__}; see its log"


def appliances_router(runs: ApplianceRuns, tokens: Iterable[SecretStr | None]) -> APIRouter:
    router = APIRouter(
        prefix="/appliances",
        tags=["appliances"],
        dependencies=[Depends(require_token(*tokens))],
        responses=responses(Unauthorized),
    )

    @router.post("/{workshop}/setup", status_code=202, responses=responses(Conflict, Unprocessable))
    async def set_up(workshop: WorkshopName, request: SetupRequest | None = None) -> SetupRun:
        return runs.begin(workshop, request or SetupRequest())

    @router.get("/runs/{run_id}", responses=responses(NotFound))
    async def one_run(run_id: UUID) -> SetupRun:
        run = runs.find(run_id)
        if run is None:
            raise NotFound(f"the agent knows no preparation {run_id}")
        return run

    return router
