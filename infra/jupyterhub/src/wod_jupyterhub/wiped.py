"""Seats whose storage is the spawner's: nobody else needs the disk, and what a student has left goes with the server."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import asyncio
import os
import secrets
import subprocess
from http import HTTPStatus
from pathlib import Path

from tornado.web import HTTPError

from wod_jupyterhub.spawner import SeatSpawner

WIPE_LIMIT = 120.0  # seconds; a home of a million files takes some ten


class WipedSeatSpawner(SeatSpawner):
    """Makes the seat's folder when the server starts, and removes it when the server is told to stop.

    One that ended by itself keeps it: who has shut JupyterLab down, or lost it, finds his work when it starts again.
    """

    async def start(self) -> tuple[str, int]:
        await asyncio.to_thread(self._make_home)
        return await super().start()

    async def stop(self, now: bool = False) -> None:
        starting = self._spawn_future is not None and not self._spawn_future.done()
        await super().stop(now)
        # the hub itself stops a server that did not come up: nobody has given the work in it up
        if not starting:
            await self.delete_forever()

    async def delete_forever(self) -> None:
        """JupyterHub's word for storage that is not wanted any more. Raises HTTPError where something of it is left."""
        try:
            await asyncio.to_thread(_wipe, self.home)
        except (OSError, subprocess.SubprocessError) as error:
            raise HTTPError(
                HTTPStatus.INTERNAL_SERVER_ERROR, f"the storage of {self.user.name} could not be wiped: {error}"
            ) from error

    def _make_home(self) -> None:
        # a seat's uid passes through and sees nobody else's name
        self.home.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        if os.path.lexists(self.home):
            return
        self.home.mkdir(mode=0o700)
        if self.uid:
            os.chown(self.home, self.uid, self.uid)


def _wipe(home: Path) -> None:
    """Under another name first, so that the seat's is free at once; then also what an earlier wipe has left."""
    if os.path.lexists(home):
        home.rename(home.with_name(f".{home.name}.{secrets.token_hex(8)}"))
    old = [str(path) for path in home.parent.glob(f".{home.name}.*")]
    if not old:
        return
    if os.geteuid() != 0:
        subprocess.run(["/bin/chmod", "-R", "u+rwx", "--", *old], check=False, timeout=WIPE_LIMIT, capture_output=True)
    # rm goes as deep as a hostile tree does, and follows no link
    subprocess.run(["/bin/rm", "-rf", "--", *old], check=True, timeout=WIPE_LIMIT, capture_output=True)
