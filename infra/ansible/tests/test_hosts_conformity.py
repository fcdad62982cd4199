"""The nightly run: real playbooks on this machine, a real mail."""

import smtplib
import socket
import sys
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import conformity
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

MENDS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: A file that has to be there
      ansible.builtin.copy: {dest: "{{ playbook_dir }}/made", content: "secret-content", mode: "0600"}
"""
FAILS = """
- hosts: all
  gather_facts: false
  tasks:
    - name: A service that does not answer
      ansible.builtin.fail: {msg: nobody listens at port 8021}
"""


class Mailbox(MessageHandler):
    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.letters.append(message)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    # port 0 is what the controller cannot tell of itself while it starts: it knocks at its own door
    controller = Controller(box, hostname="127.0.0.1", port=_free_port())
    controller.start()
    yield box, controller.port
    controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def night(tmp_path: Path, mailbox: tuple[Mailbox, int], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Mailbox]:
    """The folder with the playbooks ``mends.yml`` and ``fails.yml``."""
    (tmp_path / "mends.yml").write_text(MENDS)
    (tmp_path / "fails.yml").write_text(FAILS)
    inventory = f"all: {{hosts: {{h1: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}}}}}"
    (tmp_path / "inventory.yml").write_text(inventory)
    said = {"INVENTORY": tmp_path / "inventory.yml", "OPERATOR": "op@example.org", "SENDER": "wod@example.org"}
    said |= {"RELAY_HOST": "127.0.0.1", "RELAY_PORT": mailbox[1]}
    for name, value in said.items():
        monkeypatch.setenv(f"WOD_CONFORMITY_{name}", str(value))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    return tmp_path, mailbox[0]


def test_what_was_mended_is_told_once_and_a_night_without_findings_is_silent(
    night: tuple[Path, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, box = night
    monkeypatch.setattr(conformity, "CHECKS", (str(folder / "mends.yml"),))
    assert conformity.main() == 0
    assert conformity.main() == 0
    [letter] = box.letters
    assert letter["To"] == "op@example.org"
    assert letter["Subject"].endswith("has mended something")
    text = str(letter.get_payload())
    assert "h1: A file that has to be there" in text
    assert "secret-content" not in text


def test_what_failed_is_told_first_and_the_run_itself_fails(
    night: tuple[Path, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, box = night
    monkeypatch.setattr(conformity, "CHECKS", (str(folder / "mends.yml"), str(folder / "fails.yml")))
    assert conformity.main() == 1
    [letter] = box.letters
    assert "FAILED" in letter["Subject"]
    text = str(letter.get_payload())
    assert text.index("nobody listens at port 8021") < text.index("A file that has to be there")


def test_mail_that_does_not_leave_is_said_on_the_spot(
    night: tuple[Path, Mailbox], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = night
    monkeypatch.setattr(conformity, "CHECKS", (str(folder / "fails.yml"),))

    def refuses(*_: object, **__: object) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(smtplib.SMTP, "send_message", refuses)
    assert conformity.main() == 2
    assert "nobody listens at port 8021" in capsys.readouterr().err
