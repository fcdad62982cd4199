"""The workshop's folder as one zip, for who works in it: ``GET wod/notebooks.zip?folder=WKSHP-Name``.

An extension of the seat's own server: it runs as the seat, so it reads nothing that its holder could not read in a
terminal, and nothing else needs a way into the homes.
"""

# neither jupyter_server nor tornado annotates what is decorated here
# mypy: disable-error-code="no-untyped-call, misc"

import asyncio
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

#: Data that a notebook has fetched needs no download from here; notebooks and pictures are far below.
LARGEST = 200 * 1024 * 1024  # bytes, before they are packed
CHUNK = 256 * 1024


class TooMuch(Exception):
    """The folder is larger than ``LARGEST``."""


def files_of(folder: Path) -> Iterator[Path]:
    """Real files below the folder, without checkpoints: a link may lead anywhere."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".ipynb_checkpoints" not in path.parts:
            yield path


def pack(folder: Path, target: IO[bytes]) -> None:
    """Raises TooMuch."""
    packed = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for path in files_of(folder):
            packed += path.stat().st_size
            if packed > LARGEST:
                raise TooMuch
            archive.write(path, path.relative_to(folder.parent))
    target.seek(0)


class NotebooksHandler(JupyterHandler):
    @authenticated
    async def get(self) -> None:
        home = Path(self.settings["serverapp"].root_dir)
        name = self.get_query_argument("folder", "")
        if not name or name.startswith(".") or Path(name).name != name or not (home / name).is_dir():
            raise HTTPError(404, "There is no such folder in this lab.")
        with tempfile.TemporaryFile() as target:
            try:
                await asyncio.to_thread(pack, home / name, target)
            except TooMuch as error:
                raise HTTPError(
                    413, f"The folder is above {LARGEST >> 20} MiB: download its files one by one."
                ) from error
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
            while chunk := target.read(CHUNK):
                self.write(chunk)
                await self.flush()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "wod_jupyterhub.downloads"}]


def _load_jupyter_server_extension(server: Any) -> None:
    address = url_path_join(server.web_app.settings["base_url"], "wod", "notebooks.zip")
    server.web_app.add_handlers(".*$", [(address, NotebooksHandler)])
