"""What the agent needs where it delivers through the hub: a way to a seat's files, and proof that they are gone."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import json
from http import HTTPStatus

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.scopes import define_custom_scopes, needs_scope
from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from tornado.web import HTTPError, RequestHandler

from wod_jupyterhub.eviction import end_server

DELIVER_SCOPE = "custom:wod:deliver"
define_custom_scopes({DELIVER_SCOPE: {"description": "Reach the files of a seat's server, and wipe its storage"}})

ACCESS_SECONDS = 900  # a delivery or a measurement takes less


class _SeatHandler(APIHandler):
    def _seat(self, username: str) -> User:
        user: User | None = self.find_user(username)
        if user is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"the hub has no seat {username}")
        return user


class AccessHandler(_SeatHandler):
    """``POST /hub/wod/seats/{username}/access``: 201 with a token that opens this seat's server and nothing else.

    The student can make his server into one that keeps whatever it is sent, so the agent's own token never goes there.
    """

    @needs_scope(DELIVER_SCOPE)  # type: ignore[untyped-decorator]
    async def post(self, username: str) -> None:
        seat = self._seat(username)
        scope = f"access:servers!server={seat.name}/"
        token = seat.new_api_token(note="delivery", expires_in=ACCESS_SECONDS, scopes=[scope])
        self.set_status(HTTPStatus.CREATED)
        self.write(json.dumps({"token": token}))


class StorageHandler(_SeatHandler):
    """``DELETE /hub/wod/seats/{username}/storage``: 204 when the server is down and its storage gone; repeatable."""

    @needs_scope(DELIVER_SCOPE)  # type: ignore[untyped-decorator]
    async def delete(self, username: str) -> None:
        seat = self._seat(username)
        await end_server(self, seat)
        spawner = seat.get_spawner()
        if type(spawner).delete_forever is Spawner.delete_forever:
            raise HTTPError(
                HTTPStatus.NOT_IMPLEMENTED,
                f"{type(spawner).__name__} cannot wipe a seat's storage; take a spawner that has delete_forever",
            )
        await spawner.delete_forever()
        if seat.active:
            raise HTTPError(HTTPStatus.CONFLICT, f"the server of {username} was started meanwhile; wipe it again")
        self.set_status(HTTPStatus.NO_CONTENT)


class KeptServerHandler(UserServerAPIHandler):
    """Students may start their server and not stop it: their work would be wiped, and an empty lab come back."""

    @needs_scope(DELIVER_SCOPE)  # type: ignore[untyped-decorator]
    async def delete(self, user_name: str, server_name: str = "") -> None:
        await super().delete(user_name, server_name)


#: Before JupyterHub's own of the same paths.
HANDLERS: list[tuple[str, type[RequestHandler]]] = [
    (r"/wod/seats/([^/]+)/access", AccessHandler),
    (r"/wod/seats/([^/]+)/storage", StorageHandler),
    (r"/api/users/([^/]+)/server", KeptServerHandler),
    (r"/api/users/([^/]+)/servers/([^/]*)", KeptServerHandler),
]
