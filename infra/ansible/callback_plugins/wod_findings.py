"""Writes what a run has changed and where it has failed, a JSON object a line, into the file that WOD_FINDINGS names."""

# Ansible is not annotated
# mypy: disable-error-code="misc, no-untyped-call"

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: wod_findings
type: aggregate
short_description: what a run has changed and where it has failed
description:
  - For the nightly run, which tells the operator by mail. Without WOD_FINDINGS in the environment nothing is written.
"""
MESSAGE_LIMIT = 500  # characters


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "wod_findings"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: Any) -> None:
        if result.is_changed():
            self._write("changed", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._write("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write("unreachable", result)

    def _write(self, state: str, result: Any) -> None:
        """What a task with ``no_log`` says is kept out of the result by Ansible itself."""
        target = os.environ.get("WOD_FINDINGS")
        if not target:
            return
        said = str(result._result.get("msg", ""))[:MESSAGE_LIMIT] if state != "changed" else ""
        finding = {"host": result._host.get_name(), "state": state, "task": result._task.get_name(), "message": said}
        with Path(target).open("a", encoding="utf-8") as findings:
            findings.write(json.dumps(finding) + "\n")
