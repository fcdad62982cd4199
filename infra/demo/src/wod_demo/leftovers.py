"""Processes that outlived the service that started them: a hub's proxy has a session of its own, a student's server too."""

from collections.abc import Iterator
from pathlib import Path

import psutil

END_LIMIT = 5.0  # seconds between SIGKILL and the end, which frees a port


def end_leftovers(*folders: Path) -> list[int]:
    """Kills whoever works in one of ``folders`` and has no terminal (a person looking around has one).

    Only the holder of the demo's lock may call it: then nobody who works there is wanted any more.
    """
    found = list(_workers([folder.resolve() for folder in folders]))
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=END_LIMIT)
    return [process.pid for process in found]


def _workers(roots: list[Path]) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            place = Path(process.cwd())
            if process.terminal() is None and any(place.is_relative_to(root) for root in roots):
                yield process
        except psutil.Error:  # gone meanwhile, or another user's
            continue
