"""Run as a script before a service: drops root where asked, ties the process to the launcher's life, becomes the service.

A child of its own rather than code between fork and exec: that is unsafe in a process with
threads, and a change of uid after prctl would untie it again. Only the standard library, so
that it starts in milliseconds with ``python -I -S``.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, uid: int, command: list[str]) -> None:
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # the launcher may have died before the call above; then no signal will ever come
    if os.getppid() != parent:
        raise SystemExit("the launcher has gone")
    os.execvp(command[0], command)  # noqa: S606 - the launcher's own table names the program


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
