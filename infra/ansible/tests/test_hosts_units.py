"""The units as systemd reads them; nothing is started."""

import shutil
import subprocess

import pytest
from hosts_kit import ANSIBLE

UNITS = sorted((ANSIBLE.parent / "systemd").glob("wod-*"))
#: systemd's own measure, 10 is nothing at all, in tenths: those that speak to the network, and those that must be root.
EXPOSED = {"wod-api": 15, "wod-worker": 15, "wod-portal": 15, "wod-gate": 15, "wod-agent": 45, "wod-hub": 45}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here: NOT read")


def analyze(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_every_unit_says_what_systemd_understands() -> None:
    done = analyze("verify", "--man=no", *[unit for unit in UNITS if "@" not in unit.name])
    # the programs are on other machines
    wrong = [line for line in done.stderr.splitlines() if "is not executable" not in line and "wod-" in line]
    assert not wrong
    assert len(UNITS) > 9


@pytest.mark.parametrize("service", EXPOSED)
def test_service_has_no_more_rights_than_it_needs(service: str) -> None:
    unit = ANSIBLE.parent / "systemd" / f"{service}.service"
    done = analyze("security", "--offline=true", f"--threshold={EXPOSED[service]}", unit)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr


def test_the_hub_may_make_a_control_group_for_each_seat() -> None:
    """See wod_jupyterhub.processors: without, WOD_HUB_LIMIT_CPU bounds nothing."""
    lines = (ANSIBLE.parent / "systemd/wod-hub.service").read_text().splitlines()
    assert "Delegate=cpu" in lines
    # it would make the groups read-only
    assert not [line for line in lines if line.startswith("ProtectControlGroups")]
