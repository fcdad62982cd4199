"""A healthy installation around the api-db, of which one thing after another can be broken."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wod_common.tokens import TOKEN_HEADER, CommandSigner, CommandVerifier, InvalidToken
from wod_demo.ports import free_port


class Gate:
    """Says of a command's token what the gate says, and of the seat what the agent does."""

    def __init__(self, signer: CommandSigner) -> None:
        self.trust(signer)

    def trust(self, signer: CommandSigner) -> None:
        self._verifier = CommandVerifier.from_jwks(json.dumps(signer.jwks()), 1)

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.content, bytes)
        header = message_from_bytes(envelope.content)[TOKEN_HEADER]
        try:
            self._verifier.verify("".join(str(header).split()))
        except InvalidToken as error:
            return f"550 {error}"
        return "550 this location has no student 999999"


class Web:
    """A hub, or any service over HTTP; its clock and the token's scopes can be set."""

    def __init__(self) -> None:
        self.off = timedelta()
        self.scopes = ["servers", "read:servers", "custom:wod:evict"]
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"scopes": world.scopes}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def date_time_string(self, _: float | None = None) -> str:
                return format_datetime(datetime.now(UTC) + world.off, usegmt=True)

            def log_message(self, *_: object) -> None: ...

        self._handler = Handler

    @contextmanager
    def served(self, certificate: Path | None = None) -> Iterator[str]:
        """Its address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        scheme = "https" if certificate else "http"
        try:
            yield f"{scheme}://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@contextmanager
def smtp(handler: object) -> Iterator[int]:
    """Its port."""
    port = free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        with suppress(AssertionError):  # stopped by the test already
            controller.stop()


def certificate(folder: Path, *, ends: datetime) -> Path:
    """Key and certificate of 127.0.0.1, in one file."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = folder / "hub.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path
