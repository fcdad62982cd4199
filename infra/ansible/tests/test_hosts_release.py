import os
from pathlib import Path

import pytest
from lock_part import ROOT, blocks, closure
from pack import pack
from release import SERVICES

LOCK = blocks((ROOT / "requirements.lock").read_text())


@pytest.mark.parametrize(("service", "has", "has_not"), [
    ("api-db", {"asyncpg", "sqlalchemy", "argon2-cffi", "pyjwt"}, {"jupyterlab", "ansible-core", "playwright", "pytest"}),
    ("frontend", {"itsdangerous", "uvloop"}, {"asyncpg", "jupyterlab", "ansible-core"}),
    ("backend-agent", {"ansible-core", "ansible-runner", "ldap3"}, {"jupyterhub", "asyncpg"}),
    ("mailgate", {"aiosmtpd"}, {"jinja2", "ansible-core"}),
    ("jupyterhub", {"jupyterlab", "ipykernel", "bash-kernel", "configurable-http-proxy"}, {"ansible-core", "pytest"}),
])  # fmt: skip
def test_service_gets_its_part_of_the_lock_with_hashes_and_no_other(
    service: str, has: set[str], has_not: set[str]
) -> None:
    names = closure(SERVICES[service][0]) & set(LOCK)
    assert has <= names
    assert not has_not & names
    assert all("--hash=sha256:" in LOCK[name] for name in names)


def test_tree_is_packed_the_same_however_old_it_is_and_without_what_stays_with_the_operator(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("notebooks/WKSHP-A/wod.yml", "skeleton/.bashrc", "installation/secrets/api", ".git/HEAD"):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text(name)
    first = pack(tree, tmp_path / "one.tar", [])
    os.utime(tree / "skeleton/.bashrc", (1, 1))
    assert pack(tree, tmp_path / "two.tar", []) == first
    content = (tmp_path / "one.tar").read_bytes()
    assert b"skeleton/.bashrc" in content
    assert b"secrets" not in content
    assert b"HEAD" not in content
    (tree / "skeleton/.bashrc").write_text("other")
    assert pack(tree, tmp_path / "two.tar", []) != first
