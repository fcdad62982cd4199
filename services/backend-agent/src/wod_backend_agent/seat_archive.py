"""Packs what a fresh home holds: skeletons, the rendered workshop, and the place where JupyterLab begins."""

import io
import json
import os
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from wod_backend_agent.content import CHECKPOINTS, workshop_files
from wod_backend_agent.rendering import RenderedFile

#: JupyterLab's name for the workspace ``default``, the one it opens: the name and four digits of its SHA-256.
WORKSPACE = ".jupyter/lab/workspaces/default-37a8.jupyterlab-workspace"
FIRST_NOTEBOOK = "0-ReadMeFirst.ipynb"


def pack(archive: Path, workshop: str, files: Iterable[RenderedFile], skeletons: Iterable[Path]) -> None:
    """Writes the archive, for its owner's eyes only: it holds the student's password. A later skeleton wins."""
    content = {name: _as_it_is(name, path) for top in skeletons for name, path in workshop_files(top)}
    content |= {f"{workshop}/{file.path}": file for file in files}
    content |= {_checkpoint(name): file for name, file in content.items() if name.endswith(".ipynb")}
    if workspace := _workspace(workshop, content):
        content[WORKSPACE] = RenderedFile(WORKSPACE, workspace)
    archive.touch(0o600)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        _add_all(tar, workshop, content)


def _as_it_is(name: str, path: Path) -> RenderedFile:
    return RenderedFile(name, path.read_bytes(), mode=0o755 if os.access(path, os.X_OK) else 0o644)


def _checkpoint(notebook: str) -> str:
    """Where JupyterLab looks for what it reverts a notebook to; without it, to the student's own first save."""
    path = PurePosixPath(notebook)
    return str(path.parent / CHECKPOINTS / f"{path.stem}-checkpoint{path.suffix}")


def _add_all(tar: tarfile.TarFile, workshop: str, content: Mapping[str, RenderedFile]) -> None:
    now = time.time()
    names = {str(parent) for name in content for parent in PurePosixPath(name).parents} | {workshop}
    for name in sorted(names - {"."}):
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode, folder.mtime = tarfile.DIRTYPE, 0o755, now
        tar.addfile(folder)
    for name, file in sorted(content.items()):
        entry = tarfile.TarInfo(name)
        entry.mode, entry.mtime, entry.size = file.mode, now, len(file.content)
        tar.addfile(entry, io.BytesIO(file.content))


def _workspace(workshop: str, names: Iterable[str]) -> bytes | None:
    """A JupyterLab workspace with the first notebook open; None for a workshop without notebooks."""
    inside = (name for name in names if name.startswith(f"{workshop}/") and CHECKPOINTS not in name)
    notebooks = sorted(name for name in inside if name.endswith(".ipynb"))
    if not notebooks:
        return None
    first = f"{workshop}/{FIRST_NOTEBOOK}"
    path = first if first in notebooks else notebooks[0]
    widget = f"notebook:{path}"
    layout = {"main": {"dock": {"type": "tab-area", "currentIndex": 0, "widgets": [widget]}, "current": widget}}
    data = {
        "layout-restorer:data": layout,
        "file-browser-filebrowser:cwd": {"path": workshop},
        widget: {"data": {"path": path, "factory": "Notebook"}},
    }
    return json.dumps({"data": data, "metadata": {"id": "default"}}).encode()
