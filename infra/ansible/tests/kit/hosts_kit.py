"""What Ansible makes of the variables and templates on each distribution, without a host: its facts are given."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ANSIBLE = Path(__file__).parents[2]
SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
LIBRARY = Path(__file__).parent / "library"
VARIABLES = [
    "wod_python", "wod_packages", "wod_postgresql_packages", "wod_postgresql_version", "wod_postgresql_settings",
    "wod_updates_packages", "wod_fail2ban_packages",
]  # fmt: skip
GROUPS = ("api_db", "frontend", "backend", "appliance", "control")
DISTRIBUTIONS = {
    "debian12": ("Debian", "12", "Debian"),
    "ubuntu22": ("Ubuntu", "22", "Debian"),
    "ubuntu24": ("Ubuntu", "24", "Debian"),
    "rocky9": ("Rocky", "9", "RedHat"),
}


def ansible(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """ansible-playbook with the repository's own configuration; all it keeps goes below the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "WOD_"))}
    environment |= {"ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "ansible")}
    environment |= {"ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "HOME": str(folder)} | more
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


def facts(name: str, version: str, family: str) -> dict[str, Any]:
    return {
        "ansible_distribution": name,
        "ansible_distribution_major_version": version,
        "ansible_os_family": family,
        "ansible_service_mgr": "systemd",
        "ansible_memtotal_mb": 8192,
        "ansible_processor_vcpus": 4,
        "ansible_selinux": {"status": "disabled"},
    }


def inventory() -> dict[str, Any]:
    """Four hosts, each all of it; every one with an odd secret, so that quoting is tried."""
    hosts = {
        name: {"wod_location": number, "ansible_connection": "local"} for number, name in enumerate(DISTRIBUTIONS, 1)
    }
    groups = {group: {"hosts": dict.fromkeys(DISTRIBUTIONS)} for group in GROUPS}
    said: dict[str, object] = {"ansible_python_interpreter": sys.executable}
    said |= {
        "wod_relay_host": "mail.example.org",
        "wod_seats": 20,
        "wod_secret_portal": 'a "quoted" $ecret \\ with `marks`',
    }
    return {"all": {"hosts": hosts, "vars": said, "children": groups}}


PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - given_facts: {facts: "{{ given[inventory_hostname] }}"}
    - ansible.builtin.import_role: {name: wod, tasks_from: variables}
    - ansible.builtin.include_vars: "{{ item }}"
      loop: "{{ role_defaults }}"
    - ansible.builtin.template: {src: all.j2, dest: "{{ target }}/{{ inventory_hostname }}.json", mode: "0600"}
"""
#: Everything of a host in one file: a task for each would take a minute.
ALL = """
{
{% for path in role_templates %}
  {{ path | basename | regex_replace('\\\\.j2$', '') | to_json }}: {{ lookup('ansible.builtin.template', path) | to_json }},
{% endfor %}
{% for name in ['api_db', 'portal', 'agent', 'gate', 'hub'] %}
{% set given = {'service_environment': lookup('ansible.builtin.vars', name ~ '_environment')} %}
  "{{ name }}.env": {{ lookup('ansible.builtin.template', environment_template, template_vars=given) | to_json }},
{% endfor %}
{% for name in role_variables %}
  "{{ name }}": {{ lookup('ansible.builtin.vars', name) | to_json }},
{% endfor %}
  "end": true
}
"""
