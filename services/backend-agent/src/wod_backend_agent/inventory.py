"""A run's host and variables as an inventory of Ansible's, so that its own rules decide which of two values wins.

What is weaker comes first: the platform (``playbooks/inventory.yml``), the location's settings, the overlay's inventory
with the ``group_vars`` and ``host_vars`` beside it, the group variables of the trees, then the files of the workshop and
the seat, which count as the host's. Links in the run's folder bring the trees' files into that order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wod_backend_agent.trees import Trees

#: In a file that Ansible Vault has encrypted, or a value of which it has.
VAULT_MARK = b"$ANSIBLE_VAULT;"
_NO_HOST = "leaves us with no hosts to target"
_UNREACHED = "Failed to connect to the host via ssh"
_BROKEN = "YAML parsing failed"
_CANNOT_OPEN = ("no vault secrets", "vault password", "Vault password", "undecryptable")
PLATFORM = Path(__file__).parent / "playbooks" / "inventory.yml"
_HERE = {"ansible_connection": "local"}


class Verbatim(str):
    """A value that Ansible must not take for a template, whatever braces are in it."""

    __slots__ = ()


@dataclass(frozen=True)
class Inventory:
    """``own`` are the overlay's, ``links`` the run's names of the trees' files."""

    host: str
    sources: tuple[Path, ...]
    own: Sequence[Path] = ()
    links: Mapping[Path, Path] = field(default_factory=dict)
    vault_password_file: Path | None = None

    @property
    def arguments(self) -> list[str]:
        return [*(part for source in self.sources for part in ("-i", str(source))), "--limit", self.host]

    def explained(self, message: str) -> str:
        """Ansible's message with the trees' own file names, and with the way out where it names none."""
        message = self.named(message)
        if _NO_HOST in message:
            return (
                f"the overlay's inventory has no host {self.host}: "
                "add it there, or name another in WOD_AGENT_INVENTORY_HOST"
            )
        if _UNREACHED in message:
            return (
                f"{self.host} cannot be reached by ssh: try `ssh` with the overlay's address, port and key as the agent's "
                "account, which needs the host's key in its known_hosts"
            )
        if _BROKEN in message:
            return "\n".join([message, *(fault for path in self.files if (fault := _yaml_fault(path)))])
        if any(sign in message for sign in _CANNOT_OPEN):
            files = (
                ", ".join(str(path) for path in self.files if VAULT_MARK in path.read_bytes()) or "what is encrypted"
            )
            return f"{message}\n{files} cannot be opened: mend WOD_AGENT_VAULT_PASSWORD_FILE, or encrypt it anew"
        return message

    def named(self, text: str) -> str:
        """With the trees' own file names in the place of the run's links."""
        for link, path in self.links.items():
            text = text.replace(str(link), str(path))
        return text

    @property
    def files(self) -> list[Path]:
        """Those of the trees that it is made of."""
        beside = [path.parent / name for path in self.own for name in ("group_vars", "host_vars")]
        tops = dict.fromkeys([*self.own, *beside, *self.links.values()])
        files = (path for top in tops for path in (sorted(top.rglob("*")) if top.is_dir() else [top]))
        return [path for path in dict.fromkeys(files) if path.is_file()]


def _yaml_fault(path: Path) -> str | None:
    """Where it is no YAML; nothing of it is quoted."""
    if path.suffix == ".ini" or path.name == "inventory":
        return None
    try:
        for _ in yaml.parse(path.read_bytes(), Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return f"{path}:{mark.line + 1}: not valid YAML" if mark else f"{path}: not valid YAML"
    except yaml.YAMLError:
        return f"{path}: not valid YAML"
    return None


def write_inventory(
    folder: Path,
    trees: Trees,
    location: Mapping[str, str],
    workshop: str | None = None,
    student: int = 0,
    appliance: str | None = None,
) -> Inventory:
    """Below ``folder``, the run's own; without a workshop only what it takes to reach the host.

    The host is the location's, or else the ``appliance``, of which the overlay's inventory may say how it is reached.
    """
    own = trees.inventories
    host = appliance or trees.host
    hosts = {} if own or appliance else {host: _HERE}
    values = {name: Verbatim(value) for name, value in location.items()}
    first = write_yaml(folder / "location" / "inventory.yml", {"all": {"vars": values, "hosts": hosts}})
    others = {"hosts": {appliance: None}} if appliance else {}
    last = write_yaml(folder / "trees" / "inventory.yml", {"all": others})
    links: dict[Path, Path] = {}
    if workshop:
        links |= _link(last.parent / "group_vars" / "all", trees.group_files())
        beside = [] if own else trees.host_files(host)
        links |= _link(last.parent / "host_vars" / host, [*beside, *trees.workshop_files(workshop, student)])
    return Inventory(host, (PLATFORM, first, *own, last), own, links, trees.vault_password_file)


def write_yaml(path: Path, values: Mapping[str, Any]) -> Path:
    """For the agent alone: there may be secrets among the values."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(yaml.dump(dict(values), Dumper=_Dumper, allow_unicode=True), encoding="utf-8")
    return path


def _link(folder: Path, files: Iterable[Path]) -> dict[Path, Path]:
    """Ansible reads the files of such a folder by their names, a later one winning."""
    folder.mkdir(mode=0o700, parents=True)
    links = {folder / f"{place:03}-{path.name}": path for place, path in enumerate(files)}
    for link, path in links.items():
        link.symlink_to(path)
    return links


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(Verbatim, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value), style='"'))
