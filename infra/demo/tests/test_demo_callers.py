import os
import socket

import httpx
from fastapi import FastAPI

from wod_demo.callers import StudentsRefused, is_of, uid_of


def test_the_other_end_of_a_connection_is_known() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as caller,
    ):
        assert uid_of(caller.getsockname()) == os.getuid()
        assert is_of(caller.getsockname(), range(os.getuid(), os.getuid() + 1))
        assert not is_of(caller.getsockname(), range(os.getuid() + 1, os.getuid() + 9))
        assert not is_of(caller.getsockname(), range(0))


def test_who_is_not_on_this_machine_is_nobodys_student() -> None:
    assert uid_of(("192.0.2.1", 4711)) is None


async def test_a_student_is_refused() -> None:
    app = FastAPI()
    app.get("/")(lambda: "the mails")
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as caller,
    ):
        answers = {}
        for uids in (range(os.getuid(), os.getuid() + 1), range(0)):
            transport = httpx.ASGITransport(StudentsRefused(app, uids), client=caller.getsockname())
            async with httpx.AsyncClient(transport=transport, base_url="http://mailbox") as http:
                answers[len(uids)] = (await http.get("/")).status_code
    assert answers == {1: 403, 0: 200}
