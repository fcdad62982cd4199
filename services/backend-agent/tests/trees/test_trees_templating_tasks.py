"""The overlay's tasks around the rendering, with real runs of Ansible."""

from pathlib import Path

import pytest
from trees_location import PASSWORD, VAULT_PASSWORD, Location

SECRET = "5ecret-of-the-vault"
SETS = """---
- name: Ask what this seat gets
  ansible.builtin.command: printf 'of %s in %s' {{ STDID }} {{ WORKSHOP }}
  register: got
- name: Keep it for the templates
  ansible.builtin.set_fact:
    GOT: "{{ got.stdout }}"
    OF_THE_FILE: fact
"""


async def test_what_is_set_before_the_rendering_reaches_the_templates(location: Location) -> None:
    location.overlay("pre_templating.yml", SETS)
    location.overlay("variables_WKSHP-Small.yml", "OF_THE_FILE: file\n")
    assert await location.rendered("{{ GOT }}, {{ OF_THE_FILE }}\n") == "of 7 in WKSHP-Small, fact\n"


async def test_what_runs_after_the_rendering_finds_the_home(location: Location) -> None:
    adds = """---
- name: Note what has come
  ansible.builtin.copy:
    content: "{{ lookup('file', STUDDIR ~ '/student' ~ STDID ~ '/' ~ WORKSHOP ~ '/a.sh') }} on {{ ansible_system }}"
    dest: "{{ STUDDIR }}/student{{ STDID }}/{{ WORKSHOP }}/note"
    mode: "0644"
"""
    location.overlay("post_templating.yml", adds)
    assert await location.rendered("seat {{ STDID }}") == "seat 7"
    assert location.delivered("note") == "seat 7 on Linux"


@pytest.mark.parametrize("whole", [True, False])
async def test_a_task_that_fails_fails_the_create_without_a_secret(location: Location, whole: bool) -> None:
    location.open_with(VAULT_PASSWORD)
    text = location.encrypted(f"TOKEN: {SECRET}\n") if whole else location.encrypted(SECRET, name="TOKEN")
    location.overlay("variables_WKSHP-Small.yml", text)
    fails = """---
- name: Ask the licence server
  ansible.builtin.shell: echo with {{ TOKEN }} and {{ PASSSTU }}; echo out of licences >&2; exit 3
"""
    location.overlay("pre_templating.yml", fails)
    failure = await location.failure()
    assert failure.startswith("the overlay's task 'Ask the licence server' failed: non-zero return code")
    assert failure.endswith("with (secret) and (secret)\nout of licences")
    assert not any(secret in failure for secret in (SECRET, PASSWORD))
    assert not location.seat.home.exists()


async def test_a_task_that_is_not_to_be_shown_is_not(location: Location) -> None:
    location.overlay(
        "post_templating.yml", f"- name: Hush\n  ansible.builtin.fail:\n    msg: {SECRET}\n  no_log: true\n"
    )
    failure = await location.failure("x {{ STDID }}")
    assert failure == "the overlay's task 'Hush' failed; it is not to be shown (no_log)"


async def test_what_does_not_render_is_reported_as_without_tasks(location: Location) -> None:
    location.overlay("pre_templating.yml", SETS)
    assert await location.failure("{{ NO }}\n{{ NOR }}\n") == "a.sh:1: 'NO' is undefined\na.sh:2: 'NOR' is undefined"


async def test_tasks_that_are_no_yaml_are_named(location: Location) -> None:
    path: Path = location.overlay("pre_templating.yml", "- name: [\n")
    assert str(path) in await location.failure("x {{ STDID }}")
