"""Images without an engine: buildah with chroot isolation, on a base that debootstrap makes."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BASE = "wod-base"
BASE_PACKAGES = "ca-certificates,python3,python3-venv"
RELEASE = "bookworm"


class Wrong(Exception):
    """What a container was to show and did not."""


class Buildah:
    """Its images and containers are in a folder of their own, removed with it."""

    def __init__(self, room: Path) -> None:
        self._command = ["buildah", "--root", str(room / "store"), "--runroot", str(room / "run")]
        self._command += ["--storage-driver", "vfs"]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._command, *arguments], check=False, text=True, capture_output=True, cwd=ROOT)
        if done.returncode != 0:
            raise Wrong(f"buildah {arguments[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        with suppress(Wrong):
            return bool(self("images", "-q", image))
        return False

    def command_of(self, image: str) -> list[str]:
        config = json.loads(self("inspect", "--type", "image", image))["Docker"]["config"]
        wanted: list[str] = config["Cmd"]
        return wanted

    def start(
        self, container: str, volumes: Mapping[Path, str], user: str | None, script: str, log: Path
    ) -> "subprocess.Popen[bytes]":
        mounts = [f"--volume={outside}:{inside}" for outside, inside in volumes.items()]
        identity = [f"--user={user}"] if user else []
        with log.open("ab") as output:
            return subprocess.Popen(
                [*self._command, "run", "--isolation", "chroot", *identity, *mounts, container, "--", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def make_base(buildah: Buildah, room: Path) -> None:
    if buildah.has(BASE):
        return
    tree = room / "base"
    began = time.monotonic()
    include = f"--include={BASE_PACKAGES}"
    command = ["debootstrap", "--variant=minbase", include, RELEASE, str(tree)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    container = buildah("from", "scratch")
    buildah("add", "-q", container, str(tree), "/")
    buildah("commit", "-q", "--rm", container, BASE)
    shutil.rmtree(tree)
    say(f"base: debootstrap {RELEASE}, {time.monotonic() - began:.0f} s")


def build(buildah: Buildah, service: str) -> None:
    began = time.monotonic()
    # where the network's certificates are the machine's own, the build has to know them
    authorities = "/etc/ssl/certs/ca-certificates.crt"
    buildah(
        "bud", "--isolation", "chroot", "--format", "docker", "-q", f"--volume={authorities}:{authorities}:ro",
        "--build-arg", f"BASE=localhost/{BASE}", "-t", f"wod-{service}",
        "-f", str(HERE / f"{service}.Containerfile"), ".",
    )  # fmt: skip
    size = int(json.loads(buildah("inspect", "--type", "image", f"wod-{service}")).get("Size") or 0)
    said = f", {size / 1e6:.0f} MB" if size else ""
    say(f"{service}: built in {time.monotonic() - began:.0f} s{said}")
