"""The part of ``requirements.lock`` that one service needs, hashes and all.

Nothing is resolved anew: what the service's dependencies need is read from the packages installed beside this interpreter,
which were installed from the whole lock.
"""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
#: Where a Python or a system other than this one could need something, it is taken along; extras only when asked for.
_ANYWHERE = re.compile(r"\bextra\b")


def blocks(lock: str) -> dict[str, str]:
    """The lock's entries by name, each with the lines of its hashes. One name may have several, for different Pythons."""
    found: dict[str, str] = {}
    for entry in re.findall(r"^\S.*(?:\n[ \t].*)*", lock, re.MULTILINE):
        if not entry.startswith("#"):
            name = canonicalize_name(Requirement(entry.splitlines()[0].rstrip("\\ ")).name)
            found[name] = found.get(name, "") + entry + "\n"
    return found


def needed(name: str, extras: frozenset[str] = frozenset()) -> Iterator[Requirement]:
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        return  # for another Python than this one
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        if (
            marker is None
            or not _ANYWHERE.search(str(marker))
            or any(marker.evaluate({"extra": extra}) for extra in extras)
        ):
            yield requirement


def closure(project: str) -> set[str]:
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(project), frozenset[str]())]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting += [(canonicalize_name(one.name), frozenset(one.extras)) for one in needed(name, extras)]
    return {name for name, _ in seen}
