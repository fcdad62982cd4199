"""What rendering alone costs, beside plain Jinja on the same files in the same run; ``make bench`` prints it.

Over the real workshops in ``WOD_SHARED`` (default ``../shared``) where they are, else over the repository's own.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

from jinja2 import Environment

from wod_backend_agent.content import is_template, workshop_files
from wod_backend_agent.rendering import render_workshop

ROOT = Path(__file__).parents[2]
RUNS = 15


class Values(defaultdict[str, object]):
    """A value for whatever a workshop names."""

    def __contains__(self, name: object) -> bool:
        return name not in {"loop", "range"}

    def keys(self) -> "Names":  # type: ignore[override]
        return Names()


class Names:
    """Every name is in it."""

    def __rand__(self, names: set[str]) -> set[str]:
        return names


def folders() -> list[Path]:
    real = Path(os.environ.get("WOD_SHARED", ROOT.parent / "shared")) / "real-workshops"
    return sorted((real if real.is_dir() else ROOT / "notebooks").glob("WKSHP-*"))


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    workshops = folders()
    values = Values(lambda: "value")
    values["hostvars"] = {"value": Values(lambda: "value")}
    values["inventory_hostname"] = "value"
    sources = [
        path.read_text(encoding="utf-8")
        for folder in workshops
        for name, path in workshop_files(folder)
        if is_template(name)
    ]

    def plain() -> None:
        environment = Environment(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701 - as Ansible's
        for text in sources:
            environment.from_string(text).render(hostvars=values["hostvars"], inventory_hostname="value")

    def ours() -> None:
        for folder in workshops:
            render_workshop(folder, values)

    samples = [(milliseconds(plain), milliseconds(ours)) for _ in range(RUNS)]
    theirs, mine = (median(column) for column in zip(*samples, strict=True))
    sys.stdout.write(
        f"rendering {len(sources)} templates of {', '.join(folder.name for folder in workshops)}: "
        f"plain Jinja {theirs:.1f} ms, ours with every check {mine:.1f} ms, {mine / theirs:.1f} times\n"
    )


if __name__ == "__main__":
    main()
