"""Both ways to deliver, on real parts, as one kind of thing."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import Delivery, Deployment, Progress, Seat
from wod_backend_agent.hub_client import JupyterHub
from wod_backend_agent.trees import Trees

PASSWORD = 'p"a\\ss {{ STDID }} é'
WORKSHOP = "WKSHP-Small"


def notebook(*cells: tuple[str, int | None]) -> str:
    """Of sources, each with its execution count."""
    code: list[dict[str, object]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": [source], "execution_count": count}
        for source, count in cells
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": code}, ensure_ascii=False)


class Place:
    """One location with a seat of its own, seen by who may look into every home."""

    def __init__(self, root: Path, homes: Path, seat: Seat) -> None:
        self.root, self.homes, self.seat = root, homes, seat
        self.content = root / "notebooks"
        for folder in (self.content, root / "runs", root / "delivered"):
            folder.mkdir()
        self.trees = Trees([self.content])
        self.ansible = AnsibleDelivery(
            trees=self.trees,
            homes=homes,
            runs=root / "runs",
            delivered=root / "delivered",
            variables={"PLACE": "a place {{ with }} braces"},
        )
        self.delivery: Delivery = self.ansible
        self.hub: JupyterHub | None = None

    def workshop(self, files: Mapping[str, str | bytes], name: str = WORKSHOP) -> None:
        for path, content in files.items():
            self.write(self.content / name / path, content)

    @staticmethod
    def write(path: Path, content: str | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    async def create(self) -> list[Progress]:
        steps: list[Progress] = []
        await self.delivery.create(self.deployment(), steps.append)
        return steps

    def deployment(self) -> Deployment:
        return Deployment(uuid4(), self.seat, WORKSHOP, 1, SecretStr(PASSWORD))

    def files(self) -> dict[str, bytes]:
        home = self.seat.home
        return {
            str(path.relative_to(home)): path.read_bytes()
            for path in home.rglob("*")
            # a server that runs keeps notes of its own
            if path.is_file()
            and ".ipynb_checkpoints" not in path.parts
            and not path.is_relative_to(home / ".local/share")
            and not path.is_relative_to(home / ".ipython")
        }

    def checkpoint(self, notebook: str) -> bytes:
        """What JupyterLab reverts the workshop's notebook to."""
        path = self.seat.home / WORKSHOP / notebook
        return (path.parent / ".ipynb_checkpoints" / f"{path.stem}-checkpoint.ipynb").read_bytes()

    def kept_by_agent(self) -> list[Path]:
        """Files of its runs that hold something of the lab; what waits for the next run is none."""
        part = PASSWORD[5:-3].encode()
        files = [path for path in (self.root / "runs").rglob("*") if path.is_file()]
        return [path for path in files if path.suffix == ".tar" or part in path.read_bytes()]

    def leave(self, path: str, content: str) -> None:
        """As the student does."""
        target = self.seat.home / path
        self.write(target, content)
        if self.seat.uid:
            os.chown(target, self.seat.uid, self.seat.uid)

    async def runs_a_server(self) -> bool:
        return self.hub is not None and bool((await self.hub._server(self.seat.username)).get("ready"))
