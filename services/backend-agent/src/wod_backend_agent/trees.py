"""Where a location's content lies: public folders and the confidential overlay, each with the same places in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wod_backend_agent.content import find_workshop, workshop_of

#: What the name of a file of variables may end in.
ENDINGS = ("", ".yml", ".yaml", ".json")
#: What an inventory's name may end in: editors leave others beside it.
INVENTORIES = ("", ".yml", ".yaml", ".ini")
SKELETON = Path(__file__).parent / "skeleton"


@dataclass(frozen=True)
class Hook:
    path: Path
    is_private: bool

    def __str__(self) -> str:
        return f"the {'private' if self.is_private else 'public'} hook {self.path.name}"


@dataclass(frozen=True)
class Trees:
    """``ansible/`` of a tree holds variables, ``scripts/`` hooks; the overlay keeps its workshops in ``notebooks/``.

    ``group`` is the group of installations that this one belongs to, such as ``production``.
    """

    public: Sequence[Path]
    private: Path | None = None
    group: str | None = None
    #: the location's name in the inventory
    host: str = "localhost"
    #: opens what the overlay keeps encrypted; a program prints the password
    vault_password_file: Path | None = None

    @property
    def notebooks(self) -> list[Path]:
        return [*self.public, *(tree / "notebooks" for tree in self._overlay)]

    @property
    def skeletons(self) -> list[Path]:
        folders = (SKELETON, *(tree / "skeleton" for tree in self._overlay))
        return [folder for folder in folders if folder.is_dir()]

    def workshop(self, asked: str) -> Path | None:
        return find_workshop(self.notebooks, asked)

    @property
    def inventories(self) -> list[Path]:
        """The overlay's own, files or folders; none where the location's host is this machine and needs no words."""
        found = (path for folder in self._private for path in sorted(folder.glob("inventory*")))
        return [path for path in found if path.suffix in INVENTORIES]

    def group_files(self) -> Iterator[Path]:
        """Variables of all workshops, a later file winning. Of two public folders the earlier wins, as with workshops."""
        groups = ["all", *([self.group] if self.group else [])]
        for folders in (self._public, self._private):
            for group in groups:
                for folder in folders:
                    yield from _variables_in(folder / "group_vars", group)

    def host_files(self, host: str) -> Iterator[Path]:
        for folder in self._private:
            yield from _variables_in(folder / "host_vars", host)

    def workshop_files(self, asked: str, student: int) -> Iterator[Path]:
        """Variables of the workshop and then of the seat, a later file winning."""
        for folder in (*self._public, *self._private):
            yield from _variables_in(folder, f"variables_{workshop_of(asked)}")
        for folder in self._private:
            yield from _variables_in(folder, f"variables_student{student}")

    def allows_broken_notebooks(self, asked: str) -> bool:
        """The overlay lists workshops, one a line, whose notebooks are delivered however they are; ``#`` begins a comment."""
        lists = (folder / "allow_broken_notebooks" for folder in self._private)
        lines = (line for path in lists if path.is_file() for line in path.read_text(encoding="utf-8").splitlines())
        return workshop_of(asked) in {line.partition("#")[0].strip() for line in lines}

    def appliance_playbooks(self, asked: str) -> list[Path]:
        """For all appliances and then for the workshop's; of each the public one, and where there is none the private."""
        names = ("setup_appliance.yml", f"setup_{workshop_of(asked)}_appliance.yml")
        folders = [*reversed(self._public), *self._private]
        found = (next((path for folder in folders if (path := folder / name).is_file()), None) for name in names)
        return [path for path in found if path]

    def templating_tasks(self, when: str) -> Path | None:
        """The overlay's tasks around the rendering, ``pre`` or ``post``."""
        candidates = (folder / f"{when}_templating.yml" for folder in self._private)
        return next((path for path in candidates if path.is_file()), None)

    def hooks(self, kind: str, asked: str) -> list[Hook]:
        """The public one and after it the private one; a challenge has its workshop's."""
        name = f"{kind}-{workshop_of(asked)}.sh"
        public = next((path for path in self._scripts(self.public, name) if path.is_file()), None)
        private = [Hook(path, is_private=True) for path in self._scripts(self._overlay, name) if path.is_file()]
        return [*([Hook(public, is_private=False)] if public else []), *private]

    def script(self, name: str) -> Path | None:
        """The public one where there is one, as with workshops."""
        return next((path for path in self._scripts([*self.public, *self._overlay], name) if path.is_file()), None)

    @property
    def _public(self) -> list[Path]:
        """The weakest first."""
        return [tree / "ansible" for tree in reversed(self.public)]

    @property
    def _private(self) -> list[Path]:
        return [tree / "ansible" for tree in self._overlay]

    @staticmethod
    def _scripts(trees: Sequence[Path], name: str) -> Iterator[Path]:
        return (tree / "scripts" / name for tree in trees)

    @property
    def _overlay(self) -> list[Path]:
        return [self.private] if self.private else []


def _variables_in(folder: Path, name: str) -> Iterator[Path]:
    """As Ansible finds them: a file with or without an ending, or a folder of files."""
    for path in (folder / f"{name}{ending}" for ending in ENDINGS):
        if path.is_dir():
            yield from (one for one in sorted(path.rglob("*")) if one.is_file() and one.suffix in ENDINGS)
        elif path.is_file():
            yield path
