"""What the roles say on each distribution. Only Debian has been installed for real; this is all that is known of the others."""

import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hosts_kit import ANSIBLE, DISTRIBUTIONS, SBIN, ansible

Rendered = dict[str, dict[str, Any]]
WANTED = {
    "debian12": ("python3", "15", "/etc/postgresql/15/main/conf.d/wod.conf", ["postgresql"]),
    "ubuntu22": ("python3.11", "16", "/etc/postgresql/16/main/conf.d/wod.conf", ["postgresql-16"]),
    "ubuntu24": ("python3", "16", "/etc/postgresql/16/main/conf.d/wod.conf", ["postgresql"]),
    "rocky9": ("python3.11", "16", "/var/lib/pgsql/data/conf.d/wod.conf", ["postgresql-server"]),
}


@pytest.mark.parametrize("host", DISTRIBUTIONS)
def test_each_distribution_has_its_own_names_of_things(rendered: Rendered, host: str) -> None:
    found = rendered[host]
    names = ("wod_python", "wod_postgresql_version", "wod_postgresql_settings", "wod_postgresql_packages")
    assert tuple(found[name] for name in names) == WANTED[host]
    assert ("unattended-upgrades" in found["wod_updates_packages"]) == (host != "rocky9")


def test_every_playbook_is_one(tmp_path: Path) -> None:
    playbooks = sorted(map(str, ANSIBLE.glob("*.yml")))
    inventory = ANSIBLE.parents[1] / "private-template/installation/inventory.yml"
    done = ansible("--syntax-check", "--inventory", str(inventory), *playbooks, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(playbooks) > 8


def test_environment_survives_what_a_secret_may_hold(rendered: Rendered) -> None:
    text = rendered["debian12"]["portal.env"]
    assert r'WOD_PORTAL_SECRET="a \"quoted\" \$ecret \\ with \`marks\`"' in text


def test_secrets_are_made_once_each_in_a_file_for_one_pair_of_eyes(rendering: Path, rendered: Rendered) -> None:
    made = {path.name: path for path in (rendering / "secrets").iterdir()}
    assert {"api", "database", "agent-1", "agent-account-4", "gate-to-agent-2", "hub-to-agent-3"} <= set(made)
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o600}
    assert made["api"].read_text().strip() in rendered["rocky9"]["api_db.env"]
    assert made["api"].read_text() != made["database"].read_text()


def test_seats_have_accounts_and_groups_of_their_numbers(rendered: Rendered) -> None:
    text = rendered["rocky9"]["students.conf"]
    assert 'u student20 20020:20020 "A seat" /student/student20 /bin/bash' in text
    assert text.count("\nu student") == text.count("\ng student") == 20


@pytest.mark.skipif(
    shutil.which("nft", path=SBIN) is None, reason="nft is not here: the firewall's rules were NOT read"
)
@pytest.mark.parametrize("host", DISTRIBUTIONS)
def test_firewall_is_read_by_nft(rendered: Rendered, host: str, tmp_path: Path) -> None:
    rules = tmp_path / "firewall.nft"
    rules.write_text(rendered[host]["firewall.nft"])
    done = subprocess.run(["nft", "--check", "--file", rules], capture_output=True, check=False)
    if b"Operation not permitted" in done.stderr:
        pytest.skip("nft asks the kernel, which only root may here: the firewall's rules were NOT read")
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.skipif(shutil.which("nginx", path=SBIN) is None, reason="nginx is not here: its sites were NOT read")
def test_sites_are_read_by_nginx(rendered: Rendered, tmp_path: Path) -> None:
    key, certificate = tmp_path / "own.key", tmp_path / "own.crt"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    site = rendered["debian12"]["nginx.conf"]
    assert "server_name lab1.example.org *.lab1.example.org;" in site
    site = site.replace("/etc/wod/tls/own.crt", str(certificate)).replace("/etc/wod/tls/own.key", str(key))
    # nginx takes the ports even to read: these are root's, or a running server's
    for port in (80, 443):
        site, found = re.subn(rf"(listen (?:\[::\]:)?){port}\b", rf"\g<1>{_free_port()}", site)
        assert found
    (tmp_path / "wod.conf").write_text(site)
    temporary = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid; events {{}} http {{ access_log off; {temporary} include {tmp_path}/wod.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    done = subprocess.run(
        ["nginx", "-t", "-q", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
