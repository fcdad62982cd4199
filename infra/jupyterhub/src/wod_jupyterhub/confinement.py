"""What a seat's processes may not do, set between fork and exec."""

import ctypes
import resource
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
MIB = 1024 * 1024

_libc = ctypes.CDLL(None, use_errno=True)  # looked up before the fork


@dataclass(frozen=True)
class Confinement:
    """A ``preexec_fn``; 0 leaves a limit alone. Memory is MiB of address space a process."""

    processes: int
    memory: int

    def __call__(self) -> None:
        # no setuid program (sudo, su, mount) gives the seat more than it has
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.processes:
            resource.setrlimit(resource.RLIMIT_NPROC, (self.processes, self.processes))
        if self.memory:
            resource.setrlimit(resource.RLIMIT_AS, (self.memory * MIB, self.memory * MIB))
