"""A seat's share of the processors: what is written where. A kernel that takes it is the host's."""

import os
import subprocess
from pathlib import Path

import pytest

from wod_jupyterhub.confinement import Confinement
from wod_jupyterhub.processors import NotDelegated, Processors


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The group of a service with one process in it, as files."""
    root = tmp_path / "system.slice/wod-hub.service"
    (root / "hub").mkdir(parents=True)
    (root / "cgroup.controllers").write_text("cpu io\n")
    (root / "cgroup.procs").write_text("4711\n")
    (tmp_path / "membership").write_text("1:name=systemd:/x\n0::/system.slice/wod-hub.service\n")
    return root


def processors(service: Path, percent: int = 150) -> Processors:
    mount = service.parents[1]
    return Processors.of_the_service(percent, mount, mount / "membership")


def test_the_hub_goes_beside_the_seats_and_comes_before_them(service: Path) -> None:
    processors(service).divide()
    assert (service / "hub/cgroup.procs").read_text() == "4711"
    assert (service / "cgroup.subtree_control").read_text() == "+cpu"
    assert (service / "hub/cpu.weight").read_text() == "10000"


def test_a_seats_process_enters_its_group_before_it_becomes_the_server(service: Path) -> None:
    (service / "student7").mkdir()
    (service / "student7/cgroup.procs").touch()
    with processors(service).of("student7") as group:
        confinement = Confinement(processes=0, memory=0, disk=0, group=group)
        subprocess.run(["true"], check=True, preexec_fn=confinement)
    assert (service / "student7/cpu.max").read_text() == "150000 100000"
    assert (service / "student7/cgroup.procs").read_text() == "0"
    assert group is not None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(group, b"0")


def test_a_process_that_is_not_in_the_group_is_known(service: Path) -> None:
    (service / "student7").mkdir()
    (service / "student7/cgroup.procs").write_text("4712\n4713\n")
    assert processors(service).hold("student7", 4713)
    assert not processors(service).hold("student7", 4711)
    assert not processors(service).hold("student8", 4713)


@pytest.mark.parametrize(("membership", "controllers", "said"), [
    ("0::/user.slice/session-1.scope\n", "cpu", "not that of a systemd service"),
    ("1:cpu:/wod-hub.service\n", "cpu", "is none"),
    ("0::/system.slice/wod-hub.service\n", "memory", "Delegate=cpu"),
    ("0::/system.slice/other.service\n", "cpu", "no cgroup v2"),
])  # fmt: skip
def test_what_is_missing_is_said(service: Path, membership: str, controllers: str, said: str) -> None:
    (service.parents[1] / "membership").write_text(membership)
    (service / "cgroup.controllers").write_text(controllers)
    with pytest.raises(NotDelegated, match=said):
        processors(service)
