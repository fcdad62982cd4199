"""The line of orders, and the runs of Ansible that serve it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from wod_backend_agent.delivery.base import DeliveryFailed
from wod_backend_agent.delivery.fed_runs import FedRun, Opening, Order, RunEnded, Stamp, fed_run

#: A run is followed by a fresh one after so many orders: it has read its inventory only once.
MOST_ORDERS = 50


@dataclass(eq=False)
class _Waiting:
    order: Order
    result: "asyncio.Future[dict[str, Any]]"
    #: the run that has the order in its hands
    run: "asyncio.Task[None] | None" = None
    was_put_back: bool = False


@dataclass(frozen=True)
class Pace:
    """So many runs at a time; one stays open for ``idle_seconds`` after an order: the next need not wait for its start."""

    most: int = 1
    idle_seconds: float = 30.0


class Line:
    """Served in order of arrival."""

    def __init__(
        self, folder: Path, pace: Pace, opened_with: Callable[[Path], Opening], stamp: Callable[[], Stamp]
    ) -> None:
        """A run whose ``stamp`` is no longer the present one takes no more orders."""
        self._folder = folder
        self._opened_with = opened_with
        self._stamp = stamp
        self._pace = pace
        self._waiting: deque[_Waiting] = deque()
        self._came = asyncio.Event()
        #: every run, and of them those that take orders, now or when they have started
        self._runs: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._busy = 0

    async def do(self, order: Order) -> dict[str, Any]:
        """The result of the order's task. Raises DeliveryFailed.

        Cancelling ends what is done for the order, and the run that does it; all other orders are in other hands.
        """
        waiting = _Waiting(order, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._look()
        try:
            return await waiting.result
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            if waiting.run:
                waiting.run.cancel()
                await asyncio.wait([waiting.run])
            raise

    async def close(self) -> None:
        """Ends every run, with what it is at; what still waits is cancelled."""
        for waiting in self._waiting:
            waiting.result.cancel()
        self._waiting.clear()
        while self._runs:
            for run in self._runs:
                run.cancel()
            await asyncio.wait(self._runs)

    def _look(self) -> None:
        """Nothing waits while a run could be opened for it."""
        if self._waiting:
            self._came.set()
        while len(self._waiting) > len(self._serving) - self._busy and len(self._serving) < self._pace.most:
            run = asyncio.create_task(self._serve())
            self._runs.add(run)
            self._serving.add(run)
            run.add_done_callback(self._forget)

    def _forget(self, run: "asyncio.Task[None]") -> None:
        self._runs.discard(run)
        self._leave(run)

    def _leave(self, run: "asyncio.Task[None]") -> None:
        self._serving.discard(run)
        self._look()

    async def _serve(self) -> None:
        serving = _current()
        try:
            async with fed_run(self._folder / str(uuid4()), self._opened_with) as run:
                for _ in range(MOST_ORDERS):
                    waiting = await self._next(run)
                    if waiting is None or not await self._fulfil(run, waiting):
                        break
                self._leave(serving)
        except Exception as error:  # noqa: BLE001 - the edge of a run: what keeps it from starting must not be tried for ever
            self._refuse_first(error)

    async def _next(self, run: FedRun) -> _Waiting | None:
        """None where nothing has come for a while, or the run knows too little of what is there by now."""
        try:
            async with asyncio.timeout(self._pace.idle_seconds):
                while not self._waiting:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return None
        return self._waiting.popleft() if run.stamp == self._stamp() else None

    async def _fulfil(self, run: FedRun, waiting: _Waiting) -> bool:
        """False where the run has ended."""
        waiting.run = _current()
        self._busy += 1
        try:
            result = await run.do(waiting.order)
        except RunEnded as ended:
            self._put_back_or_fail(waiting, ended)
            return False
        except (DeliveryFailed, OSError) as failed:
            _fail(waiting, failed)
        except asyncio.CancelledError:
            waiting.result.cancel()
            raise
        else:
            if not waiting.result.done():
                waiting.result.set_result(result)
        finally:
            waiting.run = None
            self._busy -= 1
        return True

    def _put_back_or_fail(self, waiting: _Waiting, ended: RunEnded) -> None:
        """A run that was ended from outside while it was idle is no fault of the order that it got next."""
        if ended.had_begun or waiting.was_put_back:
            _fail(waiting, ended)
        elif not waiting.result.done():
            waiting.was_put_back = True
            self._waiting.appendleft(waiting)

    def _refuse_first(self, error: Exception) -> None:
        if self._waiting:
            _fail(self._waiting.popleft(), error)


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.result.done():
        waiting.result.set_exception(error)


def _current() -> "asyncio.Task[None]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("outside of a task")
    return task
