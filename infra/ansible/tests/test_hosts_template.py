"""The overlay's template, as the agent and the installation read it."""

from pathlib import Path

import yaml
from hosts_kit import ANSIBLE

from wod_backend_agent.trees import Trees
from wod_common.settings import is_placeholder

TEMPLATE = ANSIBLE.parents[1] / "private-template"


def test_inventory_of_labs_has_the_host_that_the_agent_works_on() -> None:
    trees = Trees([ANSIBLE.parents[1] / "notebooks"], TEMPLATE)
    [inventory] = trees.inventories
    hosts = yaml.safe_load(inventory.read_text())["all"]["hosts"]
    assert hosts[trees.host] == {"ansible_connection": "local"}


def test_filled_overlay_overrides_each_kind_of_thing(tmp_path: Path) -> None:
    public = tmp_path / "public"
    private = tmp_path / "private"
    for tree, name in (
        (public, "WKSHP-A/wod.yml"), (private, "notebooks/WKSHP-B/wod.yml"),
        (public, "scripts/create-WKSHP-A.sh"), (private, "scripts/create-WKSHP-A.sh"),
        (public, "ansible/group_vars/all.yml"), (private, "ansible/group_vars/all.yml"),
        (private, "ansible/group_vars/production.yml"), (private, "ansible/variables_WKSHP-A.yml"),
        (private, "ansible/pre_templating.yml"), (private, "ansible/setup_appliance.yml"),
        (private, "ansible/allow_broken_notebooks"), (private, "skeleton/.bashrc"),
    ):  # fmt: skip
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("WKSHP-A\n" if name.endswith("notebooks") else "X: 1\n")
    trees = Trees([public], private, "production")
    assert trees.workshop("WKSHP-B") == private / "notebooks/WKSHP-B"
    assert [hook.is_private for hook in trees.hooks("create", "WKSHP-A")] == [False, True]
    files = [path.relative_to(tmp_path).parts[0] + "/" + path.name for path in trees.group_files()]
    assert files == ["public/all.yml", "private/all.yml", "private/production.yml"]
    assert list(trees.workshop_files("WKSHP-A", 1)) == [private / "ansible/variables_WKSHP-A.yml"]
    assert trees.templating_tasks("pre") == private / "ansible/pre_templating.yml"
    assert trees.appliance_playbooks("WKSHP-A") == [private / "ansible/setup_appliance.yml"]
    assert trees.allows_broken_notebooks("WKSHP-A")
    assert trees.skeletons[-1] == private / "skeleton"


def test_what_stands_for_a_secret_in_the_template_is_known_as_one() -> None:
    text = (TEMPLATE / "installation/group_vars/all.yml").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("# wod_relay_password:")]
    assert is_placeholder(line)
