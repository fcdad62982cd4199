"""The overlay's inventory and what it keeps encrypted, with real runs of Ansible."""

import pytest
from trees_location import HOST, INVENTORY, VAULT_PASSWORD, Location

SECRET = "5ecret-of-the-vault"


async def test_a_template_reads_its_hosts_variables_as_ansible_gives_them(location: Location) -> None:
    location.overlay(f"host_vars/{HOST}.yml", "HTTPPORT-WKSHP-Small: 8000\n")
    location.overlay("inventory", f"{INVENTORY}other ansible_host=10.9.9.9 NAME='{{{{ 1 + 1 }}}}'\n")
    template = (
        "{{ inventory_hostname }} {{ hostvars[inventory_hostname]['IP-WKSHP-Small'] }} "
        "{{ hostvars[inventory_hostname]['HTTPPORT-WKSHP-Small'] }} {{ hostvars['other']['NAME'] }} "
        "{{ hostvars['other'].ansible_host }} {{ groups['production'] | length }} {{ 'none' in hostvars }}\n"
    )
    assert await location.rendered(template) == f"{HOST} 10.0.0.7 8000 2 10.9.9.9 2 False\n"


async def test_what_a_host_lacks_is_reported_like_any_other_variable(location: Location) -> None:
    location.overlay("inventory", f"{INVENTORY}other\n")
    template = "{{ hostvars[inventory_hostname]['A-B'] }}\n{{ hostvars['other']['C-D'] }}\n{{ hostvars['no'].x }}\n"
    assert (await location.failure(template)).splitlines() == [
        "a.sh:1: 'A-B' is undefined",
        "a.sh:2: 'C-D' is undefined",
        "a.sh:3: 'no' is undefined",
    ]


@pytest.mark.parametrize("with_inventory", [True, False])
async def test_later_sources_win_up_to_the_seats_own(location: Location, with_inventory: bool) -> None:
    """Each source says something else of all that come after it."""
    if not with_inventory:
        (location.private / "ansible/inventory").unlink()
    names = {
        "A": location.public / "ansible/group_vars/all.yml",
        "B": location.public / "ansible/group_vars/production",
        "C": location.private / "ansible/group_vars/all/first.yml",
        "D": location.private / "ansible/group_vars/all/second.yml",
        "E": location.private / "ansible/group_vars/production.yaml",
        "F": location.private / f"ansible/host_vars/{HOST}.yml",
        "G": location.public / "ansible/variables_WKSHP-Small.yml",
        "H": location.private / "ansible/variables_WKSHP-Small.yml",
        "I": location.private / "ansible/variables_student7.yml",
    }
    order = ["BY_LOCATION", *names, "STDID"]
    for name, path in names.items():
        location.put(path, "".join(f"{later}: {name}\n" for later in order[order.index(name) :]))
    expected = {"BY_LOCATION": "location", **{name: name for name in names}, "STDID": "7"}
    assert await location.rendered("".join(f"{{{{ {name} }}}}\n" for name in order)) == "".join(
        f"{value}\n" for value in expected.values()
    )


async def test_the_overlays_lines_and_groups_win_over_the_locations_settings(location: Location) -> None:
    location.overlay("inventory", f"[production]\n{HOST} ansible_connection=local BY_LOCATION=line\n[edge]\n{HOST}\n")
    location.overlay("group_vars/edge.yml", "OF_EDGE: edge\n")
    assert await location.rendered("{{ BY_LOCATION }} {{ OF_EDGE }}\n") == "line edge\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inventory.yml", f"all:\n  hosts:\n    {HOST}:\n      ansible_connection: local\n      X: yaml\n"),
        ("inventory/hosts", f"{HOST} ansible_connection=local X=yaml\n"),
    ],
)
async def test_an_inventory_may_be_yaml_or_a_folder(location: Location, name: str, text: str) -> None:
    (location.private / "ansible/inventory").unlink()
    location.overlay(name, text)
    location.overlay("inventory.yml~", "what an editor has left: [")
    assert await location.rendered("{{ X }}\n") == "yaml\n"


async def test_a_host_that_is_not_in_the_inventory_is_named_with_the_setting(location: Location) -> None:
    location.overlay("inventory", "another ansible_connection=local\n")
    assert await location.failure() == (
        f"the overlay's inventory has no host {HOST}: add it there, or name another in WOD_AGENT_INVENTORY_HOST"
    )


async def test_an_inventory_that_cannot_be_read_is_named(location: Location) -> None:
    path = location.overlay("inventory", "[production\nnonsense = [\n")
    assert str(path) in await location.failure()


async def test_a_remote_host_is_asked_through_its_connection(location: Location) -> None:
    """Nobody listens there: that it is tried shows that nothing is done here in its place."""
    location.overlay("inventory", f"{HOST} ansible_host=127.0.0.1 ansible_port=1 ansible_python_interpreter=python3\n")
    assert "ssh" in (await location.failure("x {{ STDID }}\n")).lower()


@pytest.mark.parametrize("whole", [True, False])
async def test_what_the_overlay_keeps_encrypted_is_opened_for_the_templates(location: Location, whole: bool) -> None:
    location.open_with(VAULT_PASSWORD)
    text = location.encrypted(f"TOKEN: {SECRET}\n") if whole else location.encrypted(SECRET, name="TOKEN")
    location.overlay("variables_WKSHP-Small.yml", text)
    assert await location.rendered("{{ TOKEN }}\n") == f"{SECRET}\n"


@pytest.mark.parametrize(
    ("whole", "password", "name"),
    [
        (True, "wrong", "group_vars/all.yml"),
        (True, None, "variables_WKSHP-Small.yml"),
        (False, "wrong", "variables_WKSHP-Small.yml"),
        (False, None, "group_vars/all.yml"),
    ],
)
async def test_what_cannot_be_opened_is_named_with_the_setting(
    location: Location, whole: bool, password: str | None, name: str
) -> None:
    if password:
        location.open_with(password)
    text = location.encrypted(f"TOKEN: {SECRET}\n") if whole else location.encrypted(SECRET, name="TOKEN")
    path = location.overlay(name, text)
    failure = await location.failure()
    assert f"{path}" in failure
    assert "WOD_AGENT_VAULT_PASSWORD_FILE" in failure
    assert str(location.runs) not in failure
    assert not any(secret in failure for secret in (SECRET, VAULT_PASSWORD, "wrong", "$ANSIBLE_VAULT"))


async def test_a_vault_password_file_that_has_gone_is_named(location: Location) -> None:
    path = location.open_with(VAULT_PASSWORD)
    path.unlink()
    failure = await location.failure()
    assert str(path) in failure
    assert "WOD_AGENT_VAULT_PASSWORD_FILE" in failure
