"""Ansible action: writes down what is secret in the overlay, for the agent to mask in what this run has printed."""

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from wod_backend_agent.vaulted import secrets_in


class ActionModule(ActionBase):
    """Into the request's own folder, which is closed to all others and gone with the run."""

    _VALID_ARGS = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        request = self._templar.template((task_vars or {})["wod_seat"])
        path = Path(request["secrets"])
        path.touch(0o600)
        path.write_text(json.dumps(sorted(set(secrets_in(request["files"], self._loader)))), encoding="utf-8")
        return result
