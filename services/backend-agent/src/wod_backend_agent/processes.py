"""Ends what runs have left behind: an agent that was killed, or a run that was cancelled."""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

import psutil
import structlog

from wod_backend_agent.delivery.base import RUN_MARKER

log = structlog.get_logger()

#: A killed process goes at once; one that does not hangs in the kernel, and waiting longer changes nothing.
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.02


async def end_runs(runs: Collection[UUID]) -> None:
    """Kills every process on this host that carries the marker of one of ``runs``, until none is left.

    The marker is inherited, so it also finds processes that have left for a session of their own.
    """
    if runs:
        await asyncio.to_thread(_kill_until_none, frozenset(str(run) for run in runs))


def _kill_until_none(markers: frozenset[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while marked := _marked(markers):
        if time.monotonic() > deadline:
            log.error("processes of ended runs cannot be killed", pids=[process.pid for process in marked])
            return
        for process in marked:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(marked, timeout=PAUSE_SECONDS)


def _marked(markers: frozenset[str]) -> list[psutil.Process]:
    # a process may fork between being listed and being killed: the caller looks again until none is found
    own = psutil.Process().pid
    return [process for process in psutil.process_iter() if process.pid != own and _marker(process) in markers]


def _marker(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(RUN_MARKER)
    except (psutil.Error, OSError):
        return None
