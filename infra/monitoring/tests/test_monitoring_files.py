"""Rules and dashboard by themselves; whether their figures exist is asked of a running platform (tests/e2e)."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parents[1]
RULES = yaml.safe_load((HERE / "rules.yaml").read_text())["groups"][0]["rules"]
RUNBOOKS = (HERE.parents[1] / "docs/monitoring.md").read_text()


@pytest.mark.parametrize(
    "check", [["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]], ids=" ".join
)
def test_promtool_takes_the_rules_and_they_fire_when_they_should(check: list[str]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on this machine: apt-get install prometheus")
    done = subprocess.run([promtool, *check], cwd=HERE, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_runbook() -> None:
    headings = set(re.findall(r"^### (\w+)$", RUNBOOKS, re.M))
    assert headings == {rule["alert"] for rule in RULES}
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert f"`{rule['expr']}`" in RUNBOOKS, rule["alert"]


def test_panels_do_not_lie_upon_each_other() -> None:
    panels = json.loads((HERE / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
