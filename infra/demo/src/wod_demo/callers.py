"""Whose process is at the other end of a connection on this machine."""

import struct
from ipaddress import IPv4Address
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Address = tuple[str, int]
#: The kernel's table of this machine's connections.
TABLE = Path("/proc/net/tcp")
#: The table is read a page at a time and skips lines where connections come and go meanwhile.
LOOKS = 5


def uid_of(caller: Address, table: Path = TABLE) -> int | None:
    """None where no process of this machine is there, such as behind a container's forwarded port."""
    wanted = _written(caller)
    for _ in range(LOOKS):
        for line in table.read_text().splitlines()[1:]:
            columns = line.split()
            if columns[1] == wanted:
                return int(columns[7])
    return None


def is_of(caller: Address, uids: range) -> bool:
    uid = uid_of(caller) if uids else None
    return uid is not None and uid in uids


def _written(address: Address) -> str:
    """As the kernel writes it: the address as a number of this machine's byte order."""
    [number] = struct.unpack("=I", IPv4Address(address[0]).packed)
    return f"{number:08X}:{address[1]:04X}"


class StudentsRefused:
    """ASGI middleware for a page that anybody at this machine may read, but for the students who have a shell on it."""

    def __init__(self, app: ASGIApp, uids: range) -> None:
        self._app = app
        self._uids = uids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["client"] and is_of(tuple(scope["client"]), self._uids):
            refusal = PlainTextResponse("This is not for students' shells.\n", 403)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)
