"""Seats that are Linux accounts: sign-in that PAM has a say in, and servers as those accounts."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import asyncio
import os
import pwd
from typing import Any

import pamela
from traitlets import Unicode

from wod_jupyterhub.authenticator import AgentAuthenticator
from wod_jupyterhub.spawner import SeatSpawner


class PamSeatAuthenticator(AgentAuthenticator):
    """Lets in whom both the agent and PAM let in; PAM is asked for seats alone.

    The agent first: it slows down who guesses, learns of the first login, and knows of a seat's end before the account does.
    PAM then honours what an operator has set for the account: a lock, an expiry, a rule of pam_access. JupyterHub's own
    PAMAuthenticator is none of ours: it wants every account to be there when the hub starts, and asks nobody else.
    """

    pam_service = Unicode("login", config=True)

    async def _ask(self, username: str, password: str) -> bool:
        return await super()._ask(username, password) and await asyncio.to_thread(self._admitted, username, password)

    def _admitted(self, username: str, password: str) -> bool:
        try:
            pamela.authenticate(username, password, service=self.pam_service, check=True)
        except pamela.PAMError as refusal:
            self.log.warning("PAM does not let %s in, whom the agent knows: %s", username, refusal)
            return False
        return True


class AccountSpawner(SeatSpawner):
    """The account's uid and groups are those of the host, whatever ``uid_base`` says."""

    @property
    def uid(self) -> int | None:
        """None before the seat's first CREATE, which makes the account."""
        try:
            return pwd.getpwnam(self.user.name).pw_uid
        except KeyError:
            return None

    def identity(self) -> dict[str, Any]:
        account = pwd.getpwnam(self.user.name)
        groups = os.getgrouplist(account.pw_name, account.pw_gid)
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
