"""How much of the processors a seat may take, and that seats share them evenly, whoever has more threads.

A control group (cgroup v2) for each seat, below the hub's own. That has to be a systemd service's with ``Delegate=cpu``:
the hub makes groups nowhere else.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
PERIOD = 100_000  # microseconds, the kernel's own
#: Of what the seats and the hub share: a hundred busy labs must not keep anybody from signing in.
HUBS_WEIGHT = 10_000


class NotDelegated(Exception):
    """Says what is missing."""


@dataclass(frozen=True)
class Processors:
    """``percent`` is of one processor. ``root`` is the group of the hub's service."""

    root: Path
    percent: int

    @classmethod
    def of_the_service(cls, percent: int, mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> "Processors":
        """Raises NotDelegated."""
        own = next((line[3:] for line in membership.read_text().splitlines() if line.startswith("0::")), "")
        root = mount / own.strip("/")
        if not own.endswith(".service"):
            raise NotDelegated(f"the hub's control group is {own or 'none'}, not that of a systemd service")
        try:
            controllers = (root / "cgroup.controllers").read_text().split()
        except OSError as error:
            raise NotDelegated("this host has no cgroup v2") from error
        if "cpu" not in controllers:
            raise NotDelegated("the service has no controller cpu: its unit needs Delegate=cpu, and the host cgroup v2")
        return cls(root, percent)

    def divide(self) -> None:
        """The hub itself goes into a group beside the seats': the kernel wants processes in the last ones only."""
        hub = self.root / "hub"
        hub.mkdir(exist_ok=True)
        for process in (self.root / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                (hub / "cgroup.procs").write_text(process)
        (self.root / "cgroup.subtree_control").write_text("+cpu")
        (hub / "cpu.weight").write_text(str(HUBS_WEIGHT))

    @contextmanager
    def of(self, seat: str) -> Iterator[int | None]:
        """A descriptor: what writes ``0`` to it between fork and exec is in the seat's group, and can bring nothing out.

        It was opened by the hub, so that it counts after the change of the uid too. None where there is no such group.
        """
        descriptor = None
        with suppress(OSError):
            group = self.root / seat
            group.mkdir(exist_ok=True)
            (group / "cpu.max").write_text(f"{self.percent * PERIOD // 100} {PERIOD}")
            descriptor = os.open(group / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def hold(self, seat: str, process: int) -> bool:
        with suppress(OSError):
            return str(process) in (self.root / seat / "cgroup.procs").read_text().split()
        return False
