"""A real slapd of the tests' own, on free ports."""

# ldap3 is annotated in part
# mypy: disallow-untyped-calls=False

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ldap3
from agent_doubles import free_port
from ldap3.core.exceptions import LDAPException

SUFFIX = "dc=example,dc=org"
ADMIN = f"cn=admin,{SUFFIX}"
PEOPLE = f"ou=people,{SUFFIX}"
ADMIN_PASSWORD = "the directory's own"
START_SECONDS = 30.0
#: Debian's place, which is not on everybody's PATH.
PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
TLSCertificateFile {folder}/certificate.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
suffix {suffix}
rootdn {admin}
rootpw "{password}"
directory {folder}/data
"""


class Slapd:
    """``certificate`` is its own authority, for localhost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = folder / "certificate.pem"
        self.port, self.tls_port = free_port(), free_port()
        (folder / "data").mkdir()
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "key.pem")]
        named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        command = ["openssl", "req", "-x509", "-days", "2", "-out", str(self.certificate), *key, *named]
        subprocess.run(command, check=True, capture_output=True)
        text = CONFIGURATION.format(folder=folder, suffix=SUFFIX, admin=ADMIN, password=ADMIN_PASSWORD)
        (folder / "slapd.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def start(self) -> None:
        assert PROGRAM is not None
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        command = [PROGRAM, "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "0"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._until_it_listens()

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(START_SECONDS)
            self._process = None

    def fill(self) -> None:
        with self._admin() as connection:
            connection.add(SUFFIX, ["dcObject", "organization"], {"o": "example", "dc": "example"})
            connection.add(PEOPLE, "organizationalUnit", {"ou": "people"})

    def add(self, username: str, password: str) -> None:
        with self._admin() as connection:
            connection.add(dn(username), "inetOrgPerson", {"cn": username, "sn": "x", "userPassword": password})

    def remove(self, username: str) -> None:
        with self._admin() as connection:
            connection.delete(dn(username))

    def attributes(self, username: str) -> dict[str, list[bytes]] | None:
        """None where there is no entry."""
        with self._admin() as connection:
            if not connection.search(dn(username), "(objectClass=*)", ldap3.BASE, attributes=["*"]):
                return None
            found: list[dict[str, dict[str, list[bytes]]]] = connection.response or []
            return found[0]["raw_attributes"]

    def lets_in(self, username: str, password: str) -> bool:
        connection = ldap3.Connection(ldap3.Server(self.url, get_info=ldap3.NONE), dn(username), password)
        try:
            return bool(connection.bind())
        finally:
            connection.unbind()

    @contextmanager
    def _admin(self) -> Iterator[ldap3.Connection]:
        server = ldap3.Server(self.url, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, ADMIN, ADMIN_PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def _until_it_listens(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError, LDAPException), socket.create_connection(("127.0.0.1", self.tls_port), 1):
                return
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "slapd does not listen"
            time.sleep(0.05)  # poll: slapd tells nobody that it listens


def dn(username: str) -> str:
    return f"uid={username},{PEOPLE}"
