"""Ansible action: renders a workshop here and has it made into a home on the target, in one task."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.plugins.action import ActionBase

from wod_backend_agent.appliance import NoPlace
from wod_backend_agent.compiling import CannotCompile, compiled
from wod_backend_agent.content import UnsafeContent, is_notebook
from wod_backend_agent.playbook_variables import PlaybookVariables, seat_place
from wod_backend_agent.playbooks.library.wod_completion import results
from wod_backend_agent.rendering import CannotRender, RenderedFile, UnresolvedVariable, render_workshop
from wod_backend_agent.seat_archive import pack


class ActionModule(ActionBase):
    """What is wrong goes into the request's report file: the task's own result is kept out of every log."""

    _VALID_ARGS = frozenset()
    _supports_check_mode = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = PlaybookVariables(self._templar, task_vars or {})
        request = variables["wod_seat"]
        archive = Path(request["archive"])
        try:
            own = seat_place(variables).variables(variables)
            files = _files(request, PlaybookVariables(self._templar, {**(task_vars or {}), **own}))
            pack(archive, request["workshop"], files, [Path(path) for path in request["skeletons"]])
            _note_results(Path(request["delivered"]), files)
        except (CannotCompile, CannotRender, NoPlace, UnresolvedVariable, UnsafeContent, OSError) as error:
            return result | self._failed(request, str(error))
        if request.get("only_render"):
            return result
        asked = ("homes", "home", "uid", "run", "username", "workshop", "account")
        arguments = {name: request.get(name) for name in asked}
        made: dict[str, Any] = self._execute_module(
            "wod_seat", arguments | {"archive": self._on_target(archive)}, task_vars=task_vars
        )
        if made.get("failed"):
            return result | self._failed(request, _fault(made))
        return result | made

    def _on_target(self, archive: Path) -> str:
        """Where the target finds the archive; this machine has it already."""
        if self._connection.transport == "local":
            return str(archive)
        shell = self._connection._shell
        self._make_tmp_path()
        arrived = self._transfer_file(str(archive), shell.join_path(shell.tmpdir, archive.name))  # type: ignore[no-untyped-call]
        return str(arrived)

    @staticmethod
    def _failed(request: Mapping[str, Any], message: str) -> dict[str, Any]:
        report = Path(request["report"])
        report.touch(0o600)
        report.write_text(json.dumps({"msg": message}), encoding="utf-8")
        return {"failed": True, "msg": "see the run's report"}


def _fault(made: Mapping[str, Any]) -> str:
    """With what the target has said where no module has run there, for want of a Python above all."""
    said = str(made.get("module_stderr") or "").strip().splitlines()
    return str(made.get("msg")) if made.get("_ansible_parsed") or not said else f"{made.get('msg')}: {said[0][:300]}"


def _files(request: Mapping[str, Any], variables: Mapping[str, Any]) -> list[RenderedFile]:
    """The workshop's, with programs in the place of the scripts that are to be compiled."""
    scripts = {name: Path(path) if path else None for name, path in request["compile"].items()}
    rendered = render_workshop(
        Path(request["content"]), variables, scripts, broken_notebooks=request["broken_notebooks"]
    )
    folder = Path(request["archive"]).parent
    return [_compiled(file, folder) if PurePosixPath(file.path).name in scripts else file for file in rendered]


def _compiled(file: RenderedFile, folder: Path) -> RenderedFile:
    return RenderedFile(file.path, compiled(file.path, file.content, folder), mode=0o700)


def _note_results(path: Path, files: Iterable[RenderedFile]) -> None:
    """What is delivered already run, for the measurement at the end. It must be whole: a crash leaves the old one."""
    found = {result for file in files if is_notebook(file.path) for result in results(file.content)}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(sorted(found)), encoding="utf-8")
    fresh.replace(path)
