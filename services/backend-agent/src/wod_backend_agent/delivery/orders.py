"""An order as a folder of files that a run of Ansible reads."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wod_backend_agent.delivery.runs import PLAYBOOKS, PlaybookRun
from wod_backend_agent.inventory import Inventory
from wod_backend_agent.printed import ending, readable
from wod_backend_agent.processes import end_processes_with

#: Read of what a run of its own has printed. What comes before that is cut in any case.
_READ_BYTES = 1024 * 1024


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
            "printed": str(self._printed),
        }
        self.path.write_text(json.dumps(order), encoding="utf-8")

    async def play_alone(self) -> dict[str, Any]:
        """By a run of Ansible that does nothing else. Raises DeliveryFailed."""
        playing = PlaybookRun(self.folder.name, self.folder, self.playbook, lambda _event: None)
        await asyncio.to_thread(playing.prepare)
        self._inventory = inventory = await asyncio.to_thread(self.write_inventory)
        files = [str(path) for path in inventory.files]
        request = {**self.request, "files": files, "secrets": str(self._secrets)}
        self.began()
        return await playing.execute({**self.variables, "wod_seat": request}, inventory)

    def fault(self, message: str) -> str:
        """What the task itself has reported, or else the message, in words that name the trees' files."""
        report = self.folder / "report.json"
        if report.is_file():
            message = str(json.loads(report.read_text(encoding="utf-8"))["msg"])
        return self._inventory.explained(message) if self._inventory else message

    def printed(self, secrets: Iterable[str]) -> str:
        """What Ansible has said of it, without ``secrets`` and those of the overlay; empty where nothing is known of these."""
        if self._printed.is_file():
            return ending(readable(_end_of(self._printed)), secrets)
        terminal = self.folder / "artifacts" / self.folder.name / "stdout"
        if not terminal.is_file() or not self._secrets.is_file():
            return ""
        of_the_overlay = json.loads(self._secrets.read_text(encoding="utf-8"))
        text = ending(readable(_end_of(terminal)), [*secrets, *of_the_overlay])
        return self._inventory.named(text) if self._inventory else text

    @property
    def _printed(self) -> Path:
        """By a run that does the orders of many."""
        return self.folder / "printed"

    @property
    def _secrets(self) -> Path:
        return self.folder / "secrets.json"


def _end_of(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _READ_BYTES))
        return file.read().decode("utf-8", "replace")
