"""Ansible action: does the tasks that the agent orders, one seat after another, until the agent closes the line of orders.

Each order is done in a process of its own, which is gone with all it has read: a seat's secrets, and what a template has
done to a variable, are nobody else's, and a seat that takes its process down takes nothing else with it.
"""

# Ansible is not annotated
# mypy: disallow-untyped-calls=False

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from wod_backend_agent.delivery.base import RUN_MARKER
from wod_backend_agent.notebook_format import notebook_fault
from wod_backend_agent.playbook_variables import PlaybookVariables

#: The formats that notebooks have today. To know one takes longer than to render a workshop.
_FORMATS = ((4, 4), (4, 5))

Order = Mapping[str, Any]


class ActionModule(ActionBase):
    """Says how an order goes in lines of JSON; the task's own result is of no interest."""

    _VALID_ARGS = frozenset()
    _supports_check_mode = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._common = task_vars or {}
        channel = PlaybookVariables(self._templar, self._common)["wod_channel"]
        self._said = os.open(channel["said"], os.O_WRONLY | os.O_CLOEXEC)
        # must not wait for an agent that is gone already
        orders = os.open(channel["orders"], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(orders, True)
        self._say(ready=True)
        with os.fdopen(orders, encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                self._do_in_its_own_process(Path(line.rstrip("\n")))
                if number == 0:
                    _learn_formats()
        return result

    def _do_in_its_own_process(self, order: Path) -> None:
        child = os.fork()
        if child == 0:
            try:
                self._do(json.loads(order.read_text(encoding="utf-8")))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self._say(failed=f"its process was ended by signal {os.WTERMSIG(status)}")

    def _do(self, order: Order) -> None:
        # what this starts is found by the command that it works for
        os.environ[RUN_MARKER] = order["run"]
        self._say(began=True)
        self._say(**self._done(order))

    def _done(self, order: Order) -> dict[str, Any]:
        """How it ended, told in the order's folder as Ansible would."""
        printed, began = Path(order["printed"]), time.monotonic()
        try:
            done = self._play(order, printed)
        except AnsibleError as error:
            where = f"{error.obj}: " if error.obj else ""
            done = {"failed": True, "msg": f"{where}{error}"}
        except Exception as error:  # noqa: BLE001 - the edge of this process: the agent must hear how it has ended
            done = {"failed": True, "msg": f"the delivery broke: {type(error).__name__}: {error}"}
        with printed.open("a", encoding="utf-8") as told:
            told.write(_told(order["host"], done, time.monotonic() - began))
        return {"failed": str(done.get("msg"))} if done.get("failed") else {"result": done}

    def _say(self, **line: Any) -> None:
        """The newline before it ends what a killed process has left unfinished."""
        os.write(self._said, f"\n{json.dumps(line)}\n".encode())

    def _play(self, order: Order, printed: Path) -> dict[str, Any]:
        """The one task of the order's playbook, which is an action of ours or a module."""
        variables = self._variables(order)
        self._templar.available_variables = variables
        [play] = self._loader.load_from_file(order["playbook"], trusted_as_template=True)
        [task] = play["tasks"]
        [name] = task.keys() - {"name", "no_log"}
        printed.touch(0o600)
        printed.write_text(f"PLAY [{play['name']}]\n\nTASK [{task['name']}]\n", encoding="utf-8")
        arguments = self._templar.template(task[name] or {})
        if not self._shared_loader_obj.action_loader.has_plugin(name):
            done: dict[str, Any] = self._execute_module(name, arguments, task_vars=variables)
            return done
        action = self._shared_loader_obj.action_loader.get(
            name,
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        try:
            return dict(action.run(task_vars=variables))
        finally:
            action.cleanup()

    def _variables(self, order: Order) -> dict[str, Any]:
        """What Ansible itself would know with the order's inventory and variables, read now."""
        loader = DataLoader()
        loader.set_vault_secrets(self._loader._vault.secrets)
        inventory = InventoryManager(loader=loader, sources=order["sources"])
        manager = VariableManager(loader=loader, inventory=inventory)
        HostVars(inventory, manager, loader)
        host = inventory.get_host(order["host"])
        if host is None:
            raise AnsibleError(f"no host {order['host']} in the inventory")
        found: dict[str, Any] = {**self._common, **manager.get_vars(host=host), **order["variables"]}
        return found


def _told(host: str, done: Mapping[str, Any], seconds: float) -> str:
    """As Ansible does for somebody who wants to know more; what is long is left to the report."""
    state = "fatal" if done.get("failed") else "changed" if done.get("changed") else "ok"
    short = {name: value for name, value in done.items() if not name.startswith("_") and _is_short(value)}
    return f"{state}: [{host}] => {json.dumps(short, ensure_ascii=False)} ({seconds:.2f} s)\n"


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < 4000)


def _learn_formats() -> None:
    """For the processes of the orders to come."""
    for major, minor in _FORMATS:
        notebook_fault(json.dumps({"nbformat": major, "nbformat_minor": minor, "metadata": {}, "cells": []}))
