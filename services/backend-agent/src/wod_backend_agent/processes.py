"""Ends what runs have left behind: an agent that was killed, or a run that was cancelled."""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from uuid import UUID

import psutil
import structlog

from wod_backend_agent.delivery.base import RUN_MARKER

log = structlog.get_logger()

#: A killed process goes at once; one that does not hangs in the kernel, and waiting longer changes nothing.
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.02


async def end_runs(runs: Collection[UUID | str]) -> None:
    """As ``end_processes_with``; a process that cannot be killed is logged, and the agent goes on without its end."""
    if not runs:
        return
    try:
        await asyncio.to_thread(end_processes_with, frozenset(str(run) for run in runs))
    except TimeoutError as error:
        log.warning("processes of ended runs are left", why=str(error))


def end_processes_with(runs: Collection[str]) -> None:
    """Kills every process on this host that carries the marker of one of ``runs``, until none is left.

    The marker is inherited, so it also finds processes that have left for a session of their own. Raises TimeoutError.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    # a process may fork between being listed and being killed: looked for again until none is found
    while marked := list(_marked(runs)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"killed but alive after {PATIENCE_SECONDS:.0f} s: {[one.pid for one in marked]}")
        for process in marked:
            with suppress(psutil.Error):
                process.kill()
        # psutil's own wait would reap children that ansible-runner and asyncio wait for
        time.sleep(PAUSE_SECONDS)


def _marked(runs: Collection[str]) -> Iterator[psutil.Process]:
    own = psutil.Process().pid
    for process in psutil.process_iter():
        # a zombie has no environment left, another account's process shows none
        with suppress(psutil.Error, OSError):
            if process.pid != own and process.environ().get(RUN_MARKER) in runs:
                yield process
