"""The seats' quotas, against doubles of the programs that speak to the kernel: few kernels of build servers have quotas."""

import os
import subprocess
from pathlib import Path

import pytest
from hosts_kit import ANSIBLE

SCRIPT = ANSIBLE / "roles/students/files/seat_quotas.sh"
DF = "#!/bin/sh\nprintf 'Mounted on\\n/srv/homes\\n'\n"
#: As the real one: without --verbose nobody is told who holds nothing.
REPQUOTA = """#!/bin/sh
case " $* " in *" --verbose "*) ;; *) exit 0 ;; esac
printf '*** Report for user quotas on device /dev/vdb\\nroot      --      20       0       0  0          2     0     0  0\\n'
awk '{ print $1, "--", 0, $2, $3, 0, 0, $4, $5, 0 }' "$QUOTAS"
"""
SETQUOTA = """#!/bin/sh
[ "$*" = "--user --batch /srv/homes" ] || exit 3
tee -a "$CALLS" > "$QUOTAS.new"
{ cat "$QUOTAS.new"; awk 'NR == FNR { set[$1]; next } !($1 in set)' "$QUOTAS.new" "$QUOTAS"; } > "$QUOTAS.all"
mv "$QUOTAS.all" "$QUOTAS"
"""


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """The environment with the doubles; CALLS has every line that setquota was given."""
    for name, text in {"df": DF, "repquota": REPQUOTA, "setquota": SETQUOTA}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for name in ("quotas", "calls"):
        (tmp_path / name).touch()
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {"PATH": path, "QUOTAS": str(tmp_path / "quotas"), "CALLS": str(tmp_path / "calls")}


def quotas(programs: dict[str, str], seats: int, mib: int) -> str:
    command = ["sh", str(SCRIPT), str(seats), str(mib), "1000"]
    return subprocess.run(command, env=programs, check=True, capture_output=True, text=True).stdout.strip()


def test_only_seats_with_other_limits_are_set(programs: dict[str, str]) -> None:
    calls = Path(programs["CALLS"])
    assert quotas(programs, 2, 4096) == "changed"
    assert calls.read_text() == "student1 0 4194304 0 1000\nstudent2 0 4194304 0 1000\n"
    assert quotas(programs, 2, 4096) == ""
    calls.write_text("")
    assert quotas(programs, 3, 4096) == "changed"
    assert calls.read_text() == "student3 0 4194304 0 1000\n"
    assert quotas(programs, 3, 100) == "changed"
    assert quotas(programs, 3, 100) == ""
