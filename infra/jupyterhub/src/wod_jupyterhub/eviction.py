"""A seat changes hands: every login of the last holder dies."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

from http import HTTPStatus

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import define_custom_scopes, needs_scope
from jupyterhub.user import User
from jupyterhub.utils import new_token
from tornado.web import HTTPError

EVICT_SCOPE = "custom:wod:evict"
# here and not in the configuration: needs_scope below wants it known
define_custom_scopes({EVICT_SCOPE: {"description": "End every login of a seat"}})


class EvictHandler(APIHandler):
    """``POST /hub/wod/seats/{username}/evict``: 204 when nothing of the seat's old logins works any more; repeatable.

    A running server is ended as well: it keeps answers of the hub about tokens for minutes, and
    websockets are checked only when they are opened.
    """

    @needs_scope(EVICT_SCOPE)  # type: ignore[untyped-decorator]
    async def post(self, username: str) -> None:
        user = self.find_user(username)
        if user is None:
            raise HTTPError(HTTPStatus.NOT_FOUND, f"the hub has no seat {username}")
        self.authenticator.forget(user.name)
        self._revoke(user)
        await end_server(self, user)
        # a start that was under way has been given a token since
        self._revoke(user)
        self.set_status(HTTPStatus.NO_CONTENT)

    def _revoke(self, user: User) -> None:
        """Login cookies hold the cookie_id, the server's cookies a token that OAuth minted."""
        user.cookie_id = new_token()
        for table in (orm.APIToken, orm.OAuthCode):
            for row in self.db.query(table).filter_by(user_id=user.id):
                self.db.delete(row)
        self.db.commit()


async def end_server(handler: APIHandler, user: User) -> None:
    """Returns when no server of the user runs, whatever it was about to do."""
    spawner = user.spawner
    if spawner.ready:
        await handler.stop_single_user(user)
    elif spawner.pending and spawner.pending != "stop":
        if spawner._spawn_future:
            spawner._spawn_future.cancel()
        await user.stop()
    # the hub's own call waits 10 s for a stop and then lets it go on alone
    stopping = getattr(spawner, "_stop_future", None)
    if stopping:
        await stopping
