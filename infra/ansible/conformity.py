"""``python conformity.py``: the nightly run. Every ``check_*.yml``, and a mail to the operator when something had to be mended,
could not be, or a host did not answer. Silent otherwise.

Reads ``WOD_CONFORMITY_*``: ``INVENTORY``, ``OPERATOR``, ``SENDER``, ``RELAY_HOST``, ``RELAY_PORT``, ``RELAY_TLS``,
``RELAY_USERNAME``, ``RELAY_PASSWORD``, and ``RELEASE``, a file with the digests of the release that is installed: the run
brings hosts back to that, and never to a newer one. The exit code is 1 where something failed, 2 where the mail did not leave.
"""

import json
import os
import smtplib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKS = ("check_api-db.yml", "check_frontend.yml", "check_backend.yml", "check_appliance.yml")
PREFIX = "WOD_CONFORMITY_"
RELAY_SECONDS = 60
SHOWN = 200  # findings in one mail


@dataclass(frozen=True)
class Finding:
    host: str
    state: str
    task: str
    message: str

    def __str__(self) -> str:
        return f"{self.host}: {self.task}" + (f"\n    {self.message}" if self.message else "")


def setting(name: str, default: str = "") -> str:
    return os.environ.get(PREFIX + name, default)


def ansible_playbook() -> str:
    return str(Path(sys.executable).with_name("ansible-playbook"))


def check(playbook: str, findings: Path) -> int:
    """The exit code of Ansible; what it prints goes to the journal."""
    release = setting("RELEASE")
    pinned = ["--extra-vars", f"@{release}"] if release else []
    # secrets are the api-db's business and the relay's, not that of whatever a playbook starts
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {"WOD_FINDINGS": str(findings), "ANSIBLE_CONFIG": str(HERE / "ansible.cfg")}
    command = [ansible_playbook(), "--inventory", setting("INVENTORY"), *pinned, str(HERE / playbook)]
    return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode


def read(findings: Path) -> list[Finding]:
    lines = findings.read_text(encoding="utf-8").splitlines() if findings.exists() else []
    return [Finding(**json.loads(line)) for line in lines]


def text(found: list[Finding], codes: dict[str, int]) -> str:
    """What the operator reads: first what he has to see to."""
    failed = [one for one in found if one.state != "changed"]
    mended = [one for one in found if one.state == "changed"]
    broken = [f"{name} ended with {code}" for name, code in codes.items() if code]
    parts = []
    if failed or broken:
        parts += ["This needs you:", *map(str, broken), *map(str, failed[:SHOWN]), ""]
    if mended:
        parts += ["This differed from what is configured, and has been mended:", *map(str, mended[:SHOWN]), ""]
    parts += ["The whole run: journalctl -u wod-conformity", ""]
    return "\n".join(parts)


def letter(found: list[Finding], codes: dict[str, int]) -> EmailMessage:
    bad = any(codes.values())
    mail = EmailMessage()
    mail["Subject"] = f"Workshops: the nightly check {'FAILED' if bad else 'has mended something'}"
    mail["From"] = setting("SENDER", "workshops@localhost")
    mail["To"] = setting("OPERATOR")
    mail["Date"] = formatdate(localtime=True)
    mail.set_content(text(found, codes))
    return mail


def send(mail: EmailMessage) -> None:
    """Raises OSError or smtplib.SMTPException."""
    host, port, tls = setting("RELAY_HOST"), int(setting("RELAY_PORT", "25")), setting("RELAY_TLS", "none")
    kind = smtplib.SMTP_SSL if tls == "tls" else smtplib.SMTP
    with kind(host, port, timeout=RELAY_SECONDS) as relay:
        if tls == "starttls":
            relay.starttls()
        if setting("RELAY_USERNAME"):
            relay.login(setting("RELAY_USERNAME"), setting("RELAY_PASSWORD"))
        relay.send_message(mail)


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        findings = Path(scratch, "findings")
        codes = {playbook: check(playbook, findings) for playbook in CHECKS}
        found = read(findings)
    bad = any(codes.values())
    if found or bad:
        try:
            send(letter(found, codes))
        except (OSError, smtplib.SMTPException) as error:
            sys.stderr.write(f"the mail to the operator did not leave: {error}\n{text(found, codes)}")
            return 2
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
