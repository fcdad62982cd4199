"""An order as a folder of files that a run of Ansible reads."""

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wod_backend_agent.delivery.runs import PLAYBOOKS, PlaybookRun
from wod_backend_agent.inventory import Inventory
from wod_backend_agent.processes import end_processes_with


@dataclass
class WrittenOrder:
    """``folder`` is private to the command and named by it; what is in it is secret. ``request`` is the task's ``wod_seat``."""

    folder: Path
    playbook: str
    write_inventory: Callable[[], Inventory]
    variables: Mapping[str, Any]
    request: Mapping[str, Any]
    began: Callable[[], None]
    _inventory: Inventory | None = None

    @property
    def path(self) -> Path:
        return self.folder / "order.json"

    def write(self) -> None:
        """Ends what an earlier, crashed attempt has left, and makes the folder anew."""
        if self.folder.exists():
            end_processes_with({self.folder.name})
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True)
        self._inventory = self.write_inventory()
        order = {
            "run": self.folder.name,
            "playbook": str(PLAYBOOKS / self.playbook),
            "host": self._inventory.host,
            "sources": [str(source) for source in self._inventory.sources],
            "variables": {**self.variables, "wod_seat": dict(self.request)},
        }
        self.path.write_text(json.dumps(order), encoding="utf-8")

    async def play_alone(self, vault_password_file: Path | None) -> dict[str, Any]:
        """By a run of Ansible that does nothing else. Raises DeliveryFailed."""
        playing = PlaybookRun(self.folder.name, self.folder, self.playbook, lambda _event: None)
        await asyncio.to_thread(playing.prepare)
        self._inventory = inventory = await asyncio.to_thread(self.write_inventory)
        request = {**self.request, "files": [str(path) for path in inventory.files]}
        self.began()
        return await playing.execute({**self.variables, "wod_seat": request}, inventory, vault_password_file)

    def fault(self, message: str) -> str:
        """What the task itself has reported, or else the message; it names the trees' files."""
        report = self.folder / "report.json"
        if report.is_file():
            message = str(json.loads(report.read_text(encoding="utf-8"))["msg"])
        return self._inventory.explained(message) if self._inventory else message
