"""Ansible callback: every task's beginning and end is a boundary, whatever tasks there are."""

import os
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

sys.path.insert(0, str(Path(__file__).parents[1]))

from boundary import cut


class CallbackModule(CallbackBase):
    """Ansible waits for its callbacks, so the agent dies exactly between two tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cut_runs"

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._playbook = Path(playbook._file_name).stem

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._cut(f"{task.get_name()}: begins")

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._cut(f"{task.get_name()}: begins")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._cut(f"{result.task.get_name()}: done")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._cut(f"{result.task.get_name()}: skipped")

    def _cut(self, place: str) -> None:
        cut(Path(os.environ["ANSIBLE_CUT_FOLDER"]), f"ansible {self._playbook}: {place}")
