"""Ansible action: what a task of the overlay's has failed with goes into the request's report, without the vault's secrets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from wod_backend_agent.hook_output import last_lines
from wod_backend_agent.masking import masked
from wod_backend_agent.vaulted import secrets_in


class ActionModule(ActionBase):
    """Nothing where the rendering has reported already. The seat's own secrets are masked by who reads the report."""

    _VALID_ARGS = frozenset()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        request = self._templar.template(variables["wod_seat"])
        report = Path(request["report"])
        if not report.exists():
            said = _said(variables["ansible_failed_task"], variables["ansible_failed_result"])
            report.touch(0o600)
            report.write_text(
                json.dumps({"msg": masked(said, secrets_in(request["files"], self._loader))}), encoding="utf-8"
            )
        return result | {"failed": True, "msg": "see the run's report"}


def _said(task: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    name = task.get("name") or task.get("action")
    if task.get("no_log") or result.get("_ansible_no_log"):
        return f"the overlay's task {name!r} failed; it is not to be shown (no_log)"
    output = "\n".join(str(result[key]) for key in ("stdout", "stderr") if result.get(key))
    return f"the overlay's task {name!r} failed: {result.get('msg')}{last_lines(output) if output else ''}"
