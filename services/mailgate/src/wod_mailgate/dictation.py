"""What a legacy peer says without waiting to be asked: its mails, by nothing but the order of its lines."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_RECIPIENT = re.compile(rb"RCPT +TO: *<?([^<>\s]+)>? *", re.IGNORECASE)
_NEW_ENVELOPE = (b"HELO", b"EHLO", b"MAIL", b"RSET")


@dataclass
class Dictation:
    """Hears the same bytes as the SMTP server, line ends made CR LF, but asks for no order beyond RCPT before DATA."""

    #: whether the gate takes mail for an address
    wanted: Callable[[str], bool]
    limit: int
    #: how many mails have been begun
    begun: int = 0
    _rest: bytes = field(default=b"", repr=False)
    _mail: bytearray | None = field(default=None, repr=False)
    _recipient: str | None = None

    @property
    def unfinished(self) -> bool:
        return self._mail is not None

    def hear(self, data: bytes) -> list[tuple[bytes, str]]:
        """The mails that ``data`` completes, each with the first of its recipients."""
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        heard = [mail for line in lines if (mail := self._hear_line(line + b"\r\n")) is not None]
        if len(self._rest) > self.limit:
            # a line that never ends makes its mail too large
            if self._mail is not None:
                self._mail += self._rest
            self._rest = b""
        return heard

    def _hear_line(self, line: bytes) -> tuple[bytes, str] | None:
        if self._mail is None or self._recipient is None:
            self._hear_command(line[:-2])
            return None
        if line == b".\r\n":
            mail, recipient = bytes(self._mail), self._recipient
            self._mail = self._recipient = None
            return (mail, recipient) if len(mail) <= self.limit else None
        if len(self._mail) <= self.limit:
            self._mail += line[1:] if line.startswith(b".") else line
        return None

    def _hear_command(self, command: bytes) -> None:
        if command.strip().upper() == b"DATA" and self._recipient is not None:
            self._mail = bytearray()
            self.begun += 1
        elif command[:4].upper() in _NEW_ENVELOPE:
            self._recipient = None
        elif match := _RECIPIENT.fullmatch(command):
            address = match[1].decode("ascii", "replace")
            if self._recipient is None and self.wanted(address):
                self._recipient = address
