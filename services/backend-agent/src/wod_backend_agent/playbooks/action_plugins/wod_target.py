"""Ansible action: the address of the seat's appliance, out of the location's variables."""

from typing import Any

from ansible.plugins.action import ActionBase

from wod_backend_agent.appliance import NoPlace
from wod_backend_agent.playbook_variables import PlaybookVariables, seat_place
from wod_backend_agent.rendering import UnresolvedVariable


class ActionModule(ActionBase):
    """Nothing is done on the target."""

    _VALID_ARGS = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = PlaybookVariables(self._templar, task_vars or {})
        try:
            return result | {"target": seat_place(variables).target(variables)}
        except (NoPlace, UnresolvedVariable) as error:
            return result | {"failed": True, "msg": str(error)}
