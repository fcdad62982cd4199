"""Makes a virtual environment with some of the repository's projects and, of requirements.lock, what they need.

``python3 locked.py ENVIRONMENT PROJECT...`` from the repository's root, with nothing but Python's own library and pip.
Every file that is installed has its hash in the lock.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

LOCK = Path("requirements.lock")
#: builds the projects; named in the development group, so the lock has it
BUILDER = "hatchling"
#: A pin, its marker and its hashes: everything up to the next line that is not indented.
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<pin>[^\s\\]+).*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, list[str]]:
    """Each package's entries; two where the pin depends on the machine."""
    found: dict[str, list[str]] = {}
    for match in _ENTRY.finditer(lock):
        found.setdefault(normalised(match["name"]), []).append(match[0])
    return found


def pins(lock: str) -> str:
    """The lock without its hashes: pip takes such a file as constraints, and then need not install all of it."""
    kept = (re.sub(r"\\\n\s*--hash=\S+", "", entry) for each in entries(lock).values() for entry in each)
    return "\n".join(re.sub(r"\\\s*", "", entry).strip() for entry in kept) + "\n"


def outside(projects: Iterable[Path]) -> list[str]:
    """What the projects want of others; they themselves are called wod-something."""
    wanted: set[str] = set()
    for project in projects:
        wanted |= set(tomllib.loads((project / "pyproject.toml").read_text())["project"].get("dependencies", []))
    return sorted(line for line in wanted if not line.startswith("wod-"))


def pip(environment: Path, *arguments: str) -> None:
    subprocess.run([environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", *arguments], check=True)


def needed(environment: Path, wanted: list[str], room: Path) -> list[str]:
    """The names that pip would install for ``wanted`` on this machine with the lock's pins."""
    report, constraints = room / "report.json", room / "constraints.txt"
    constraints.write_text(pins(LOCK.read_text()))
    pip(environment, "install", "-q", "--dry-run", "--ignore-installed", "--report", str(report),
        "-c", str(constraints), *wanted)  # fmt: skip
    return [normalised(item["metadata"]["name"]) for item in json.loads(report.read_text())["install"]]


def install(environment: Path, wanted: list[str], room: Path) -> None:
    """Raises KeyError for a package that the lock does not have."""
    lock = entries(LOCK.read_text())
    chosen = room / "chosen.txt"
    chosen.write_text("".join(entry for name in needed(environment, wanted, room) for entry in lock[name]))
    pip(environment, "install", "-q", "--no-deps", "--require-hashes", "-r", str(chosen))


def main(environment: Path, projects: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        workshop = room / "workshop"
        for place in (workshop, environment):
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
        install(workshop, [BUILDER], room)
        pip(workshop, "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", str(room / "wheels"),
            *(f"./{project}" for project in projects))  # fmt: skip
        install(environment, outside(projects), room)
        pip(environment, "install", "-q", "--no-deps", *map(str, (room / "wheels").glob("*.whl")))
        pip(environment, "check")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
