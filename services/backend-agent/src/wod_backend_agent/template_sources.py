"""What ``{% include %}`` and ``{% import %}`` find: files of the workshop, as Ansible would, and nothing outside of it."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from jinja2 import BaseLoader, Environment, TemplateNotFound


class WorkshopSources(BaseLoader):
    """Looks in ``templates/`` beside the including file, and beside it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder.resolve()
        self._beside = PurePosixPath(name).parent

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if "\0" in template:
            raise TemplateNotFound(template)
        for candidate in (self._beside / "templates" / template, self._beside / template):
            path = (self._folder / candidate).resolve()
            if path.is_relative_to(self._folder) and path.is_file():
                return path.read_bytes().decode("utf-8", "surrogateescape"), str(candidate), None
        raise TemplateNotFound(template, f"{template!r} is not in the workshop")
