"""Who may command: the holder of the api-db's key, or a peer that the operator lists."""

from dataclasses import dataclass, field
from pathlib import Path

import jwt

from wod_common.commands import Command
from wod_common.tokens import TOKEN_HEADER, CommandVerifier, InvalidToken
from wod_mailgate.grammar import Instruction, Mail, header_values
from wod_mailgate.peers import LegacyPeers
from wod_mailgate.replies import Refused, Unavailable


@dataclass
class KeyRing:
    """The public keys in a JWKS file, read again when the file changes."""

    path: Path
    location: int
    _stamp: tuple[int, int, int] | None = None
    _verifier: CommandVerifier | None = field(default=None, repr=False)

    def verifier(self) -> CommandVerifier:
        """Raises Unavailable. A broken file never leaves the keys of before in force: one of them may be revoked."""
        try:
            stamp = self._look()
            if self._verifier is None or stamp != self._stamp:
                self._verifier = CommandVerifier.from_jwks(self.path.read_text(), self.location)
                self._stamp = stamp
        except (OSError, ValueError, AttributeError, jwt.PyJWTError) as error:
            self._verifier = None
            raise Unavailable(f"the gate cannot read its command keys ({type(error).__name__})") from error
        return self._verifier

    def _look(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True)
class Authority:
    """Decides whether a mail may command at all, then whether it is this command that was authorised."""

    keys: KeyRing
    peers: LegacyPeers

    def authenticate(self, mail: Mail, peer: str) -> Command | None:
        """The signed command, or None for a listed peer's unsigned mail. Raises Refused, Unavailable."""
        tokens = header_values(mail, TOKEN_HEADER)
        if len(tokens) > 1:
            raise Refused(f"a command mail has one {TOKEN_HEADER} header, this one has {len(tokens)}")
        if tokens:
            return self._verify(tokens[0])
        if not self.peers.include(peer):
            raise Refused(f"{peer} is not listed for unsigned commands, and the mail has no {TOKEN_HEADER} header")
        return None

    def _verify(self, header: str) -> Command:
        try:
            # a relay may fold a long header anywhere
            return self.keys.verifier().verify("".join(header.split()))
        except InvalidToken as error:
            raise Refused(str(error)) from error


def agreed(command: Command, instruction: Instruction) -> Command:
    """The signed command, where Subject and body say the same. Raises Refused with what differs."""
    said = {
        "verb": instruction.verb,
        "student": instruction.student,
        "last": instruction.last_student,
        "registration": instruction.registration,
        "workshop": instruction.workshop,
    }
    differing = [name for name, value in said.items() if getattr(command, name) != value]
    if differing:
        raise Refused(f"the mail and its token differ in: {', '.join(differing)}")
    return command
