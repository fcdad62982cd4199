"""``python pack.py FOLDER ARCHIVE [PART...]``: a tree as one file, the same bytes whenever nothing in it has changed.

Takes the named parts of the folder that are there, by default all but ``installation``, which is the operator's alone.
Prints the digest of the archive.
"""

import hashlib
import sys
import tarfile
from pathlib import Path

KEPT_BACK = {"installation"}
LEFTOVERS = {".git", ".ipynb_checkpoints", "__pycache__"}


def content(folder: Path, parts: list[str]) -> list[Path]:
    tops = (
        [folder / part for part in parts] if parts else [one for one in folder.iterdir() if one.name not in KEPT_BACK]
    )
    found = [path for top in tops if top.exists() for path in (top, *top.rglob("*"))]
    return sorted(path for path in found if not LEFTOVERS & set(path.relative_to(folder).parts))


def nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def pack(folder: Path, archive: Path, parts: list[str]) -> str:
    archive.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as target:
        for path in content(folder, parts):
            target.add(path, str(path.relative_to(folder)), recursive=False, filter=nobodys)
    archive.chmod(0o600)
    return hashlib.sha256(archive.read_bytes()).hexdigest()[:16]


def main() -> int:
    folder, archive, *parts = sys.argv[1:]
    if not Path(folder).is_dir():
        sys.stderr.write(f"{folder} is not a folder: name the one that holds the content\n")
        return 1
    sys.stdout.write(pack(Path(folder), Path(archive), parts) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
