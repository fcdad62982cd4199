"""Names for commands that come without one: the same mail gets the same id, so that the agent knows it again."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import NAMESPACE_URL, UUID, uuid5

from wod_common.commands import Command
from wod_mailgate.grammar import Instruction, Mail, header_values
from wod_mailgate.replies import Refused

#: Without Message-ID and Date two equal mails are one that came twice, or somebody's second try. An original api-db
#: never repeats itself and a relay does so under a Message-ID, so what comes later than this is meant.
WINDOW_SECONDS = 120
_REMEMBERED = 10_000
_IDS = uuid5(NAMESPACE_URL, "urn:wod:unsigned-command-mail")


@dataclass
class UnsignedCommands:
    location: int
    clock: Callable[[], float] = time.time
    _recent: OrderedDict[str, tuple[UUID, float]] = field(default_factory=OrderedDict)

    @property
    def _ids(self) -> UUID:
        """The same mail to two locations is two commands."""
        return uuid5(_IDS, str(self.location))

    def command(self, instruction: Instruction, mail: Mail, raw: bytes) -> Command:
        """Raises Refused for what is done without a registration: a seat's holder alone could be asked about it."""
        if instruction.registration is None:
            raise Refused(f"{instruction.verb} without a registration is taken from the api-db alone, signed")
        return Command(
            id=self._id(instruction, mail, raw),
            verb=instruction.verb,
            location=self.location,
            student=instruction.student,
            last=instruction.last_student,
            registration=instruction.registration,
            workshop=instruction.workshop,
            authority="listed",
        )

    def _id(self, instruction: Instruction, mail: Mail, raw: bytes) -> UUID:
        message_ids = [value.strip() for value in header_values(mail, "Message-ID")]
        if message_ids and message_ids[0]:
            # what is asked is a part of it: a script may give all its mails the same Message-ID
            asked = replace(instruction, email=None)
            return uuid5(self._ids, f"{message_ids[0]} {asked}")
        digest = hashlib.sha256(raw).hexdigest()
        if header_values(mail, "Date"):
            return uuid5(self._ids, digest)
        return self._of_now(digest)

    def _of_now(self, digest: str) -> UUID:
        now = self.clock()
        known = self._recent.get(digest)
        if known is not None and 0 <= now - known[1] < WINDOW_SECONDS:
            return known[0]
        # the same in a gate that was started anew, unless a new stretch has begun
        named = uuid5(self._ids, f"{digest} {int(now // WINDOW_SECONDS)}")
        self._recent[digest] = (named, now)
        self._recent.move_to_end(digest)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return named
