"""Scripts that are delivered compiled, by the real shc."""

import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Seat
from wod_backend_agent.trees import Trees

missing = [name for name in ("shc", "cc") if shutil.which(name) is None]
needs_shc = pytest.mark.skipif(
    bool(missing), reason=f"{' and '.join(missing)} is not installed: apt-get install shc gcc"
)


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.seat = Seat(7, root / "homes/student7")
        self.delivered = self.seat.home / "WKSHP-Small"
        for name in ("homes", "runs", "delivered", "public/WKSHP-Small", "public/scripts", "private/scripts"):
            (root / name).mkdir(parents=True)
        self.delivery = AnsibleDelivery(
            trees=Trees([root / "public"], root / "private"),
            homes=root / "homes",
            runs=root / "runs",
            delivered=root / "delivered",
            variables={},
        )

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def manifest(self, names: str) -> None:
        self.write("public/WKSHP-Small/wod.yml", f"%YAML 1.1\n---\ncompile: {names}\n")

    async def create(self, seat: Seat | None = None) -> None:
        deployment = Deployment(uuid4(), seat or self.seat, "WKSHP-Small", 1, SecretStr("password"))
        await self.delivery.create(deployment, lambda _step: None)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def said_by(program: Path) -> str:
    return subprocess.run([program, "an argument"], check=True, capture_output=True, text=True).stdout


@needs_shc
async def test_scripts_are_rendered_and_compiled_and_nothing_of_them_stays(place: Place) -> None:
    place.manifest("check.sh, hint, deep.sh")
    place.write("public/WKSHP-Small/check.sh", '#!/bin/sh\necho "the answer of seat {{ STDID }}: $1"\n')
    place.write("public/WKSHP-Small/labs/deep.sh", "#!/bin/sh\necho deep {{ MODEWS }}\n")
    place.write("private/scripts/hint", "#!/bin/bash\necho hint {{ STDID }}\n")
    place.write("public/WKSHP-Small/open.sh", "#!/bin/sh\necho {{ STDID }}\n")
    await place.create()
    assert said_by(place.delivered / "check.sh") == "the answer of seat 7: an argument\n"
    assert said_by(place.delivered / "hint") == "hint 7\n"
    assert said_by(place.delivered / "labs/deep.sh") == "deep WKSHP\n"
    for name in ("check.sh", "hint", "labs/deep.sh"):
        program = place.delivered / name
        assert program.stat().st_mode & 0o777 == 0o700
        assert program.read_bytes().startswith(b"\x7fELF")
        assert b"answer of" not in program.read_bytes()
    names = {path.name for path in place.delivered.rglob("*") if path.is_file()}
    assert names == {"check.sh", "hint", "deep.sh", "open.sh", "wod.yml"}
    await place.delivery.aclose()
    assert list((place.root / "runs").iterdir()) == []


@needs_shc
@pytest.mark.skipif(os.getuid() != 0, reason="needs root: a seat with a uid of its own")
async def test_the_program_is_the_students_own(place: Place) -> None:
    place.manifest("check.sh")
    place.write("public/WKSHP-Small/check.sh", "#!/bin/sh\necho\n")
    await place.create(Seat(7, place.seat.home, uid=61007))
    found = (place.delivered / "check.sh").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (61007, 0o700)


@needs_shc
async def test_a_script_without_an_interpreter_is_named(place: Place) -> None:
    place.manifest("check.sh")
    place.write("public/WKSHP-Small/check.sh", "echo\n")
    with pytest.raises(DeliveryFailed, match=r"check\.sh cannot be compiled: its first line"):
        await place.create()
    assert not place.seat.home.exists()


async def test_a_script_that_is_nowhere_is_named_before_anything_is_done(place: Place) -> None:
    place.manifest("check.sh, gone.sh")
    place.write("public/WKSHP-Small/check.sh", "#!/bin/sh\n")
    with pytest.raises(DeliveryFailed, match=r"compile in wod\.yml names gone\.sh: not in the workshop"):
        await place.create()


@pytest.mark.parametrize("names", ["../check.sh", "a/b.sh", "['x', '']x"])
async def test_a_name_that_is_a_path_is_refused(place: Place, names: str) -> None:
    place.manifest(names)
    with pytest.raises(DeliveryFailed, match=r"wod\.yml"):
        await place.create()


async def test_without_shc_the_way_out_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.manifest("check.sh")
    place.write("public/WKSHP-Small/check.sh", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(place.root))
    with pytest.raises(DeliveryFailed, match="install shc and a C compiler"):
        await place.create()


@needs_shc
async def test_what_shc_says_is_told(place: Place) -> None:
    place.manifest("check.sh")
    place.write("public/WKSHP-Small/check.sh", "#!/bin/no-such-shell-at-all\necho\n")
    with pytest.raises(DeliveryFailed, match=r"shc says: .*shell"):
        await place.create()


async def test_what_a_compiled_script_lacks_is_told_with_all_the_rest(place: Place) -> None:
    place.manifest("hint")
    place.write("private/scripts/hint", "#!/bin/sh\n{{ NO_SUCH }}\n")
    place.write("public/WKSHP-Small/a.sh", "{{ NOR_THIS }}\n")
    with pytest.raises(DeliveryFailed) as failed:
        await place.create()
    assert str(failed.value).splitlines() == ["a.sh:1: 'NOR_THIS' is undefined", "hint:2: 'NO_SUCH' is undefined"]
