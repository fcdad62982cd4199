"""Waiting for many things to end, with a bar on stderr."""

import time
from collections.abc import Callable, Iterable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wod_cli.failures import Failure
from wod_cli.output import Output, console

SECONDS_BETWEEN = 1.0


def wait_for(out: Output, what: str, total: int, ended: Callable[[], int], minutes: float, way_out: str) -> None:
    """Until ``ended`` counts all. Raises Failure when the time is over."""
    deadline = time.monotonic() + minutes * 60
    bar = Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(stderr=True),
        disable=out.as_json,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total)
        while (count := ended()) < total:
            bar.update(task, completed=count)
            if time.monotonic() > deadline:
                raise Failure(f"{total - count} of {total} have not ended after {minutes:g} minutes; {way_out}")
            time.sleep(SECONDS_BETWEEN)
        bar.update(task, completed=count)


def check(failed: Iterable[str], what: str) -> None:
    """Raises Failure where some have failed."""
    if names := list(failed):
        raise Failure(f"{len(names)} {what} failed: {', '.join(names)}")
