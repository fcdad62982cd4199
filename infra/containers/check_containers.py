"""``make check-containers``: builds every Containerfile, and runs the whole platform from what was built.

``--kept`` builds only what var/containers does not have yet.

There is no engine here, so buildah builds and runs with chroot isolation, on a base that debootstrap makes. What that
cannot show is said in README.md. Needs root, buildah, debootstrap, and a network for the base and the dependencies.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from building import Buildah, Wrong, build, make_base, say
from container_platform import Platform, walk

HERE = Path(__file__).parent
SERVICES = tuple(sorted(path.stem for path in HERE.glob("*.Containerfile")))


def start(platform: Platform) -> None:
    ports = platform.ports
    platform.start_postgres()
    platform.task("migrate", "migrate")
    platform.task("seed", "seed", "/run/wod/seed.json", volumes={platform.write_seed(): "/run/wod/seed.json:ro"})
    platform.worker()
    platform.serve("mailbox", f"{platform.url('mailbox')}/readyz")
    platform.serve("api-db", f"{platform.url('api')}/readyz", {platform.key: "/run/wod/command-key.pem:ro"})
    platform.serve("jupyterhub", f"{platform.url('hub')}/hub/health")
    platform.serve("backend-agent", f"{platform.url('agent')}/readyz")
    gate = f"http://127.0.0.1:{ports.mailgate_http}/readyz"
    platform.serve("mailgate", gate, {platform.public: "/run/wod/command-keys.json:ro"})
    platform.serve("frontend", f"{platform.url('portal')}/readyz")
    platform.all_ready()


def written(root: Path, since: float) -> list[str]:
    """What a service has changed of its root outside of its volumes: read-only, it would have failed there."""
    allowed = ("var/lib/wod", "tmp", "run", "dev", "proc", "sys", "notebooks")
    found = (path for path in root.rglob("*") if not str(path.relative_to(root)).startswith(allowed))
    return [str(path.relative_to(root)) for path in found if not path.is_symlink() and path.stat().st_mtime > since]


def main() -> int:
    if os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("debootstrap"):
        sys.stderr.write("make check-containers needs root, and: apt-get install buildah debootstrap\n")
        return 2
    kept = Path("var/containers").absolute()
    kept.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(kept)
    make_base(buildah, kept)
    for service in SERVICES:
        if "--kept" not in sys.argv or not buildah.has(f"wod-{service}"):
            build(buildah, service)
    with ExitStack() as stack:
        room = Path(tempfile.mkdtemp(prefix="wod-containers-"))
        stack.callback(shutil.rmtree, room)
        stack.callback(buildah, "rm", "--all")
        room.chmod(0o711)
        platform = Platform(buildah, room, stack)
        start(platform)
        began = time.time()
        try:
            say(f"a registration: {asyncio.run(walk(platform))}")
        except Wrong as error:
            raise Wrong(f"{error}\n{platform.logs_end()}") from error
        changed = {name: written(root, began) for name, root in platform.roots.items()}
        if any(changed.values()):
            raise Wrong(f"written outside of the volumes: {changed}")
        say("nothing was written outside of the volumes")
    say("make check-containers: passed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, subprocess.CalledProcessError) as error:
        sys.exit(f"make check-containers: FAILED: {error}")
