"""One run of a playbook through ansible-runner, in a private folder that is gone afterwards."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_runner.config.runner import RunnerConfig
from ansible_runner.runner import Runner

from wod_backend_agent.delivery.base import RUN_MARKER, DeliveryFailed
from wod_backend_agent.processes import end_processes_with

PLAYBOOKS = Path(__file__).parent.parent / "playbooks"
_PASSED_ON = ("HOME",)
_FROM_RUNNER = ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR")


class Verbatim(str):
    """A value that Ansible must not take for a template, whatever braces are in it."""

    __slots__ = ()


@dataclass
class PlaybookRun:
    """``run`` names the folder and marks every process, so that what a crash has left is found again."""

    run: str
    folder: Path
    playbook: str
    on_event: Callable[[str], None] = lambda _event: None
    result: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Ends what an earlier, crashed attempt has left, and makes the folder anew."""
        if self.folder.exists():
            end_processes_with({self.run})
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700, parents=True)
        for name in ("tmp", "artifacts"):
            (self.folder / name).mkdir(mode=0o700)

    async def execute(
        self, variables: Mapping[str, Any], files: Sequence[Path] = (), *, defaults: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The task's result; ``variables`` win over ``files``, of which a later one wins, and these over ``defaults``.

        Raises DeliveryFailed.

        Cancelling ends every process of the run before it returns.
        """
        first, last = self._write("defaults.yml", defaults), self._write("variables.yml", variables)
        working = asyncio.create_task(asyncio.to_thread(self._work, [first, *files, last]))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await self._end(working)
            raise
        return self.result

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _end(self, working: "asyncio.Task[None]") -> None:
        """Again and again: the thread may be about to start Ansible when the cancellation comes."""
        while not working.done():
            await asyncio.to_thread(end_processes_with, {self.run})
            await asyncio.wait({working}, timeout=0.05)
        working.exception()

    def _write(self, name: str, variables: Mapping[str, Any]) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(yaml.dump(dict(variables), Dumper=_Dumper, allow_unicode=True), encoding="utf-8")
        return path

    def _work(self, files: Sequence[Path]) -> None:
        config: Any = RunnerConfig(  # type: ignore[no-untyped-call]
            private_data_dir=str(self.folder),
            artifact_dir=str(self.folder / "artifacts"),
            project_dir=str(PLAYBOOKS),
            ident=self.run,
            playbook=str(PLAYBOOKS / self.playbook),
            quiet=True,
            settings={"suppress_output_file": False, "pexpect_timeout": 1},
        )
        config.prepare()
        config.command = [
            config.command[0],
            *(part for path in files for part in ("-e", f"@{path}")),
            config.command[-1],
        ]
        config.env = self._environment(config.env)
        runner: Any = Runner(config, event_handler=self._take)  # type: ignore[no-untyped-call]
        runner.run()
        if runner.rc != 0:
            raise DeliveryFailed(self._fault(runner))

    def _environment(self, prepared: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the agent's own environment, which holds its secrets, but what Ansible needs."""
        ours = {name: os.environ[name] for name in os.environ if name in _PASSED_ON or name.startswith("ANSIBLE_")}
        theirs = {name: prepared[name] for name in _FROM_RUNNER}
        temporary = str(self.folder / "tmp")
        return {
            **ours,
            **theirs,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "TMPDIR": temporary,
            "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
            "ANSIBLE_HOME": temporary,
            "ANSIBLE_LOCAL_TEMP": temporary,
            "ANSIBLE_REMOTE_TEMP": temporary,
            RUN_MARKER: self.run,
        }

    def _take(self, event: dict[str, Any]) -> bool:
        kind = event.get("event", "")
        if kind in {"runner_on_ok", "runner_on_failed", "runner_on_unreachable"}:
            self.result = event["event_data"].get("res") or {}
        self.on_event(kind)
        return False

    def _fault(self, runner: Any) -> str:
        """The report that the action plugin has left, the task's message, or else Ansible's errors.

        Of those only the sentence and the place: Ansible quotes the lines around, and they may be a file of secrets.
        """
        report = self.folder / "report.json"
        if report.is_file():
            return str(json.loads(report.read_text(encoding="utf-8"))["msg"])
        if message := self.result.get("msg"):
            return str(message)
        with runner.stdout as output:
            errors = [line.strip() for line in output if line.startswith(("[ERROR]", "Origin:"))]
        return "\n".join([f"ansible-playbook {self.playbook} ended with {runner.rc}", *dict.fromkeys(errors)])


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(Verbatim, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value), style='"'))
