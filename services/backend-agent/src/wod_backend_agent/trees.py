"""Where a location's content lies: public folders and the confidential overlay, each with the same places in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wod_backend_agent.content import find_workshop, workshop_of

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

    @property
    def notebooks(self) -> list[Path]:
        return [*self.public, *(tree / "notebooks" for tree in self._overlay)]

    @property
    def skeletons(self) -> list[Path]:
        folders = (SKELETON, *(tree / "skeleton" for tree in self._overlay))
        return [folder for folder in folders if folder.is_dir()]

    def workshop(self, asked: str) -> Path | None:
        return find_workshop(self.notebooks, asked)

    def variable_files(self, asked: str, student: int) -> Iterator[Path]:
        """Those that are there, a later one winning. Of two public folders the earlier wins, as with workshops."""
        groups = ["all", *([self.group] if self.group else [])]
        public = [tree / "ansible" for tree in reversed(self.public)]
        private = [tree / "ansible" for tree in self._overlay]
        candidates = [
            folder / "group_vars" / f"{group}.yml"
            for trees in (public, private)
            for group in groups
            for folder in trees
        ]
        candidates += [folder / f"variables_{workshop_of(asked)}.yml" for folder in (*public, *private)]
        candidates += [folder / f"variables_student{student}.yml" for folder in private]
        return (path for path in candidates if path.is_file())

    def hooks(self, kind: str, asked: str) -> list[Hook]:
        """The public one and after it the private one; a challenge has its workshop's."""
        name = f"{kind}-{workshop_of(asked)}.sh"
        public = next((path for path in self._scripts(self.public, name) if path.is_file()), None)
        private = [Hook(path, is_private=True) for path in self._scripts(self._overlay, name) if path.is_file()]
        return [*([Hook(public, is_private=False)] if public else []), *private]

    def script(self, name: str) -> Path | None:
        """The public one where there is one, as with workshops."""
        return next((path for path in self._scripts([*self.public, *self._overlay], name) if path.is_file()), None)

    @staticmethod
    def _scripts(trees: Sequence[Path], name: str) -> Iterator[Path]:
        return (tree / "scripts" / name for tree in trees)

    @property
    def _overlay(self) -> list[Path]:
        return [self.private] if self.private else []
