"""``make check-install``: from a bare Debian to a registration by what README.md says, and what has to hold afterwards.

The commands are the page's own, so that it cannot say what does not work. Everything happens in a machine of namespaces
(``trial_machine``); what was printed is kept in ``var/install``. The first thing that does not hold ends it.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trial_expected import AT_FIRST, EXPECTED
from trial_machine import HERE, Machine, Wrong, booted, make_base, missing, prepare, say

ROOT = HERE.parents[2]
PAGE = HERE.parent / "README.md"
CONTROL = "/opt/wod/control"
SAID = "/opt/private/installation/group_vars/all.yml"
INVENTORY = "/opt/private/installation/inventory.yml"
SEATS, MANY_SEATS = 100, 2000
MANY_SECONDS = 180.0
NAMES = [f"{name}.example.org" for name in ("workshops", "api", "lab1")]
LABS = [f"student{number}.lab1.example.org" for number in range(1, SEATS + 1)]
#: What the operator says first. A mail catcher stands for his relay.
SETTINGS = {"wod_relay_host": "127.0.0.1", "wod_relay_port": "1025", "wod_seats": f"{SEATS}", "wod_kernels": "[bash]"}
CHECKS = ("check_api-db.yml", "check_frontend.yml", "check_backend.yml", "check_appliance.yml")
RECAP = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


class Installation:
    """What an operator does on the machine, and what it printed, in ``install.log``."""

    def __init__(self, machine: Machine, log: Path) -> None:
        self.machine = machine
        self.log = log

    def call(self, script: str) -> str:
        return self.machine.call(script, log=self.log)

    def play(self, *playbooks: str) -> list[int]:
        """How many tasks have changed something, by host. Raises Wrong where one has failed."""
        program = f"../../.venv/bin/ansible-playbook -i {INVENTORY}"
        output = self.call(f"cd {CONTROL}/infra/ansible && {program} {' '.join(playbooks)}")
        return [int(changed) for changed, _, _ in RECAP.findall(output)]

    def say(self, **settings: str) -> None:
        self.machine.call("\n".join(edits(settings, SAID)))

    def walk(self, workshop: str, name: str, *kernels: str) -> str:
        words = " ".join((workshop, f"{name}@example.net", *kernels))
        return self.call(f"cd {CONTROL} && .venv/bin/python infra/ansible/trial/trial_walk.py {words}")


def edits(settings: dict[str, str], path: str) -> Iterator[str]:
    """What an editor does: the line that says it, or a new one."""
    for name, value in settings.items():
        line = f"{name}: {value}"
        yield f"grep -q '^{name}:' {path} && sed -i 's|^{name}:.*|{line}|' {path} || echo '{line}' >> {path}"


def commands(heading: str) -> list[str]:
    """Those of the page's section, with the repository and the editor that it leaves to the operator."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    block = section.partition("```\n")[2].partition("```\n")[0]
    lines = [line.partition(" #")[0].rstrip() for line in block.splitlines()]
    said: list[str] = []
    for line in lines:
        if line.startswith("editor "):
            said += edits(SETTINGS, line.removeprefix("editor "))
        else:
            said.append(line.replace("<this repository>", "/srv/source.git"))
    return said


def publish(room: Path) -> None:
    """This checkout as an operator's git would find it: what is committed, and what has been changed since."""
    target = room / "written/srv/source.git"
    target.parent.mkdir(parents=True)

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
        return done.stdout.strip()

    git("init", "--quiet", "--bare", "--initial-branch=main", str(target))
    git("push", "--quiet", str(target), f"{git('stash', 'create') or 'HEAD'}:refs/heads/main")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.0f} s")


def install(there: Installation) -> None:
    began = time.monotonic()
    script = "\n".join(f'echo "at $SECONDS s: $(date +%T)"\n{line}' for line in commands("One host"))
    there.call(script)
    say(f"README.md, from a bare Debian to the end of install.yml: {time.monotonic() - began:.0f} s")


def catch_mail(there: Installation) -> None:
    there.call(
        "systemd-run --unit=mail-catcher --setenv=WOD_MAILBOX_FOLDER=/var/lib/mail-catcher "
        f"{CONTROL}/.venv/bin/python -m wod_demo.mailbox"
    )


def inspect(machine: Machine, wanted_too: dict[str, str] | None = None) -> None:
    """Files, accounts, units and ports, as they have to be."""
    everything = EXPECTED | (wanted_too or {})
    for script, wanted in everything.items():
        found = machine.call(script)
        if not re.fullmatch(wanted, found):
            raise Wrong(f"{script}\nprints {found!r}, and should print {wanted!r}")
    say(f"{len(everything)} looks at files, accounts, units, ports and rules: as they should be")


def back_up(there: Installation) -> None:
    there.call("\n".join(commands("Backup")))
    if there.call("stat -c %a /var/backups/wod-*.backup") != "600":
        raise Wrong("the backup is not there for one pair of eyes")
    say("backed up")


def second_run(there: Installation) -> None:
    for name, playbooks in {"the same again": ("install.yml",), "the nightly checks": CHECKS}.items():
        with timed(f"{name}, nothing changed"):
            if any(changed := there.play(*playbooks)):
                raise Wrong(f"{name}: changed={changed}; see {there.log}")


def night(there: Installation) -> None:
    """The nightly unit itself: what somebody has spoilt is mended, and told by mail."""
    there.call("chmod 0644 /etc/wod/hub.env; systemctl stop wod-gate; nft delete table inet wod")
    there.call("systemctl start wod-conformity")
    there.call("curl -sf http://127.0.0.1:8025/messages | grep -q 'has mended something'")
    inspect(there.machine)
    say("the nightly run has mended three things that were spoilt, and told the operator")


def doctor(there: Installation) -> None:
    there.call("\n".join(commands("Is all well?")))
    say("wod doctor: all is well, with a registration of its own")


def many_seats(there: Installation) -> None:
    there.say(wod_seats=str(MANY_SEATS))
    began = time.monotonic()
    there.play("install_backend.yml")
    took = time.monotonic() - began
    found = there.machine.call("getent passwd | grep -c '^student[0-9]*:'")
    if int(found) != MANY_SEATS or took > MANY_SECONDS:
        raise Wrong(f"{found} accounts after {took:.0f} s; {MANY_SEATS} within {MANY_SECONDS:.0f} s were to be")
    say(f"{MANY_SEATS} accounts: {took:.0f} s, install_backend.yml in all")


def through_postfix(there: Installation) -> None:
    """Commands by port 25, as from an api-db whose network lets only that through."""
    there.say(wod_gate_postfix="true")
    there.play("install_backend.yml")
    there.call(f"cd {CONTROL} && .venv/bin/python infra/ansible/trial/trial_route.py lab1.example.org 25")
    say(f"by way of Postfix: {there.walk('WKSHP-Jupyter101', 'joan')}")
    there.call("journalctl -u 'postfix@-' | grep -q 'relay=127.0.0.1.*:10025.*status=sent'")


def appliance(there: Installation, machine: Machine) -> None:
    """A second machine, which Ansible reaches by ssh, and the agent afterwards with its own key."""
    machine.call("apt-get update && apt-get install -y openssh-server python3 && mkdir -p -m 0700 ~/.ssh")
    machine.call(
        "systemctl stop ssh && mkdir -p /run/sshd && systemd-run --unit=door --service-type=notify /usr/sbin/sshd -D -p 2222"
    )
    key = there.call("ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 <<< y >/dev/null; cat ~/.ssh/id_ed25519.pub")
    machine.call(f"echo '{key}' > ~/.ssh/authorized_keys")
    there.call("ssh-keyscan -p 2222 127.0.0.1 >> ~/.ssh/known_hosts")
    host = "    appliance1: {ansible_host: 127.0.0.1, ansible_port: 2222, ansible_user: root}"
    there.call(f"sed -i '/^appliance:/,/hosts:/ s/hosts: {{}}/hosts:\\n{host}/' {INVENTORY}")
    there.play("install_appliance.yml")
    if any(there.play("check_appliance.yml")):
        raise Wrong(f"the appliance, a second time: something changed; see {there.log}")
    mine = "-i /var/lib/wod/agent/appliance_key -o BatchMode=yes -p 2222 wodadmin@127.0.0.1"
    if there.call(f"ssh {mine} sudo -n id -u") != "0":
        raise Wrong("the agent does not become root on the appliance")
    say("an appliance: set up by ssh, and reached with the agent's key")


def first_day(there: Installation) -> None:
    install(there)
    catch_mail(there)
    inspect(there.machine, AT_FIRST)
    say(there.walk("WKSHP-Python101", "ada", "bash"))
    back_up(there)
    second_run(there)
    night(there)
    doctor(there)


def later(there: Installation, second: Machine) -> None:
    """After a power cut, for that is how the machine was ended: all is back by itself. Then what is added to it."""
    for path in ("8080/readyz", "8021/readyz", "8030/readyz", "10026/readyz", "8000/hub/health"):
        there.call(f"curl -sf --retry 60 --retry-delay 1 --retry-all-errors -o /dev/null http://127.0.0.1:{path}")
    catch_mail(there)
    inspect(there.machine)
    say(f"after a power cut: {there.walk('WKSHP-Python101', 'bea')}")
    appliance(there, second)
    through_postfix(there)
    many_seats(there)


def main() -> int:
    if lacking := missing():
        sys.stderr.write(f"make check-install needs: {'; '.join(lacking)}\n")
        return 2
    kept = ROOT / "var/install"
    make_base(kept / "base")
    room, other = kept / "machine", kept / "appliance"
    for one in (room, other):
        shutil.rmtree(one, ignore_errors=True)
        prepare(one, NAMES + LABS)
    publish(room)
    log = kept / "install.log"
    log.unlink(missing_ok=True)
    with booted(kept / "base", room) as machine:
        first_day(Installation(machine, log))
    with booted(kept / "base", room) as machine, booted(kept / "base", other, beside=machine) as second:
        later(Installation(machine, log), second)
    say("make check-install: passed")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, subprocess.CalledProcessError) as error:
        sys.exit(f"make check-install: FAILED: {error}")
