"""``python release.py FOLDER``: what hosts install of this checkout, a folder for each service.

A folder has the service's part of the lock (``requirements.txt``) and our own wheels. Prints, as JSON, a digest of each:
the same sources give the same digest, wherever and whenever they are built.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lock_part import ROOT, blocks, closure

#: The distribution and the folders of ours that its wheels are built from.
SERVICES = {
    "api-db": ("wod-api-db", ("services/common", "services/api-db")),
    "frontend": ("wod-frontend", ("services/common", "services/frontend")),
    "backend-agent": ("wod-backend-agent", ("services/common", "services/backend-agent")),
    "mailgate": ("wod-mailgate", ("services/common", "services/mailgate")),
    "jupyterhub": ("wod-jupyterhub", ("services/common", "infra/jupyterhub")),
}
_BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def build_wheels(folders: set[str], target: Path) -> dict[str, Path]:
    """The wheel of each folder."""
    wheels = {}
    for folder in sorted(folders):
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(target)],
            cwd=ROOT / folder,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        )
        wheels[folder] = target / done.stdout.splitlines()[-1]
    return wheels


def write(target: Path, requirements: str, wheels: list[Path]) -> str:
    """Fills the folder anew; the digest of what is in it."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / "requirements.txt").write_text(requirements)
    for wheel in wheels:
        shutil.copyfile(wheel, target / wheel.name)
    digest = hashlib.sha256()
    for path in sorted(target.iterdir()):
        digest.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def main() -> int:
    target = Path(sys.argv[1])
    lock = blocks((ROOT / "requirements.lock").read_text())
    digests = {}
    with tempfile.TemporaryDirectory() as scratch:
        wheels = build_wheels({folder for _, folders in SERVICES.values() for folder in folders}, Path(scratch))
        for service, (project, folders) in SERVICES.items():
            names = closure(project)
            requirements = "".join(entry for name, entry in lock.items() if name in names)
            digests[service] = write(target / service, requirements, [wheels[folder] for folder in folders])
    (target / "digests.json").write_text(json.dumps({"service_release_digests": digests}) + "\n")
    sys.stdout.write(json.dumps(digests) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
