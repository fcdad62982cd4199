"""What a seat's processes may not do, set between fork and exec."""

import ctypes
import os
import resource
from contextlib import suppress
from dataclasses import dataclass

from wod_jupyterhub.limits import MIB

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h

_libc = ctypes.CDLL(None, use_errno=True)  # looked up before the fork


@dataclass(frozen=True)
class Confinement:
    """A ``preexec_fn``; 0 leaves a limit alone. ``memory`` and ``disk`` are MiB.

    Of memory what a process may write to is counted, not address space: JavaScript and Java reserve a hundred times more.
    """

    processes: int
    memory: int
    #: of one file; what all of them take is measured
    disk: int
    #: of the seat's control group, see ``processors``
    group: int | None = None

    def __call__(self) -> None:
        if self.group is not None:
            # whether it has is looked at afterwards: a server without a bound is better than none
            with suppress(OSError):
                os.write(self.group, b"0")
        # no setuid program (sudo, su, mount) gives the seat more than it has
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.processes:
            resource.setrlimit(resource.RLIMIT_NPROC, (self.processes, self.processes))
        if self.memory:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory * MIB, self.memory * MIB))
        if self.disk:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.disk * MIB, self.disk * MIB))
