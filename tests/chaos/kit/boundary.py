"""Where a command's work can be cut: each place says its name here, and at the planned one the agent dies.

Used in the agent's own process and by the workshop's hooks, so it needs nothing but Python's own library.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

#: A line for every boundary that the present command has come to.
PASSED = "boundaries"
#: The boundary at which the agent is to die, once.
PLAN = "plan"
PID = "agent.pid"


def cut(folder: Path, place: str) -> None:
    """Notes the boundary; SIGKILL for the agent, which may be this process, where it is the planned one.

    A place that is passed several times is several boundaries: ``place #2`` is the second.
    """
    passed = folder / PASSED
    times = 1 + sum(line.rpartition(" #")[0] == place for line in _lines(passed))
    name = f"{place} #{times}"
    # one write: the agent and a hook may come to theirs at the same moment
    with passed.open("a") as notes:
        notes.write(f"{name}\n")
    if _lines(folder / PLAN) == [name]:
        (folder / PLAN).unlink()
        with suppress(ProcessLookupError):
            os.kill(int((folder / PID).read_text()), signal.SIGKILL)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    cut(Path(os.environ["CUT_FOLDER"]), os.environ["CUT_PLACE"])
