"""Ends what a run has started, wherever its processes have got to."""

import contextlib
import time
from collections.abc import Collection, Iterator

import psutil

from wod_backend_agent.delivery.base import RUN_MARKER

#: Seconds after which a process that outlives SIGKILL is given up.
LIMIT = 10.0
_PAUSE = 0.02


def end_processes_with(runs: Collection[str]) -> None:
    """Kills every process whose environment names one of the runs, and waits until none is left.

    Looks again after each round: a process may fork while it is being killed. Raises TimeoutError.
    """
    deadline = time.monotonic() + LIMIT
    while alive := list(_marked(runs)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes of runs {sorted(runs)} outlived SIGKILL: {[one.pid for one in alive]}")
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        # Not psutil's wait: it would reap a child that ansible-runner waits for.
        time.sleep(_PAUSE)


def _marked(runs: Collection[str]) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(RUN_MARKER) in runs:
                yield process
