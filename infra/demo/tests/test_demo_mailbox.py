"""The mail catcher over real SMTP and HTTP, as its own process."""

import os
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from wod_demo.mailbox import linked
from wod_demo.settings import HOST, Ports

HOSTILE = '<script>alert(1)</script><img src="x" onerror="alert(2)">'


class Box:
    def __init__(self, folder: Path, ports: Ports) -> None:
        self.folder, self.smtp_port = folder, ports.mailbox_smtp
        self.http = httpx.Client(base_url=f"http://{HOST}:{ports.mailbox}", trust_env=False)

    def send(self, message: EmailMessage | bytes) -> None:
        content = message.as_bytes() if isinstance(message, EmailMessage) else message
        with smtplib.SMTP(HOST, self.smtp_port, timeout=10) as client:
            client.sendmail("from@example.org", ["to@example.org"], content)

    def messages(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.http.get("/messages").json()
        return found

    def page(self, subject: str) -> str:
        mail = next(mail for mail in self.messages() if mail["subject"] == subject)
        return self.http.get(f"/mails/{mail['id']}").text


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:  # poll: with a deadline
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the mail catcher ended"
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the mail catcher did not come up")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder, ports = tmp_path_factory.mktemp("mail"), Ports.free()
    environment = {
        "WOD_MAILBOX_PORT": str(ports.mailbox),
        "WOD_MAILBOX_SMTP_PORT": str(ports.mailbox_smtp),
        "WOD_MAILBOX_FOLDER": str(folder),
    }
    process = subprocess.Popen([sys.executable, "-m", "wod_demo.mailbox"], env=os.environ | environment)
    box = Box(folder, ports)
    try:
        wait_until_ready(box.http, process)
        yield box
    finally:
        box.http.close()
        process.terminate()
        process.wait(10)


def mail(subject: str, text: str = "Hello", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Portal <from@example.org>", "Zoë <to@example.org>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def test_a_mail_is_on_the_disk_when_smtp_says_so(box: Box) -> None:
    box.send(mail("On disk"))
    assert any(b"Subject: On disk" in path.read_bytes() for path in (box.folder / "new").iterdir())
    assert not list((box.folder / "tmp").iterdir())


def test_the_newest_mail_comes_first(box: Box) -> None:
    box.send(mail("Older"))
    box.send(mail("Newer"))
    assert [found["subject"] for found in box.messages()][:2] == ["Newer", "Older"]
    page = box.http.get("/").text
    assert page.index("Newer") < page.index("Older")


def test_a_mail_is_given_as_json(box: Box) -> None:
    box.send(mail("Ümlaut", "plain body", "<p>html body</p>"))
    found = box.http.get(f"/messages/{box.messages()[0]['id']}").json()
    assert found["subject"] == "Ümlaut"
    assert found["recipients"] == "Zoë <to@example.org>"
    assert "plain body" in found["text"]
    assert "<p>html body</p>" in found["html"]
    assert ["Delivered-To", "to@example.org"] in found["headers"]


def test_links_in_the_text_can_be_clicked(box: Box) -> None:
    box.send(mail("Link", "Confirm: http://127.0.0.1:8080/r/12-abc?x=1&y=2."))
    assert 'href="http://127.0.0.1:8080/r/12-abc?x=1&amp;y=2"' in box.page("Link")


def test_hostile_content_is_shown_and_not_run(box: Box) -> None:
    box.send(mail(f"Evil {HOSTILE}", f"{HOSTILE} http://a.example/{HOSTILE}"))
    for text in (box.page(f"Evil {HOSTILE}"), box.http.get("/").text):
        assert "alert(1)" in text
        assert "<script>alert" not in text
        assert "<img" not in text


def test_a_mails_html_has_no_origin_and_no_script(box: Box) -> None:
    box.send(mail("Page", "text", HOSTILE))
    answer = box.http.get(f"/mails/{box.messages()[0]['id']}/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no header at all",
        b"Subject: =?utf-8?b?????=\r\nFrom: <<<>>>\r\nTo: ,,;\r\n\r\nx",
        b"Subject: x\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xff\xfe",
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"From: \xff\xfe\x00@[\r\nSubject: \xed\xa0\x80\r\n\r\n\x00",
    ],
)
def test_a_broken_mail_is_kept_and_shown(box: Box, content: bytes) -> None:
    before = len(box.messages())
    box.send(content)
    assert len(box.messages()) == before + 1
    newest = box.messages()[0]["id"]
    for path in ("/", f"/mails/{newest}", f"/mails/{newest}/html", f"/messages/{newest}"):
        assert box.http.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/mails/none", "/messages/none", "/messages/..%2f..%2fetc%2fpasswd", "/mails/%2e%2e"])
def test_an_unknown_mail_is_answered_with_404(box: Box, path: str) -> None:
    assert box.http.get(path).status_code == 404


def test_health_and_metrics_answer(box: Box) -> None:
    assert box.http.get("/healthz").json() == {"status": "ok"}
    assert box.http.get("/readyz").json()["ready"] is True
    assert "python_info" in box.http.get("/metrics").text


def test_a_client_that_talks_no_smtp_does_no_harm(box: Box) -> None:
    with socket.create_connection((HOST, box.smtp_port), timeout=10) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        stranger.recv(100)
    box.send(mail("After the stranger"))
    assert box.messages()[0]["subject"] == "After the stranger"


def test_only_web_addresses_become_links() -> None:
    assert "<a" not in linked("javascript:alert(1) data:text/html,x")
    assert linked('http://a.example/"><b>') == (
        '<a href="http://a.example/" target="_blank" rel="noopener noreferrer">http://a.example/</a>&#34;&gt;&lt;b&gt;'
    )
