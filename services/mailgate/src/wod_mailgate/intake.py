"""From a mail as received to the reply: the one road every command takes."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from email.errors import MissingHeaderBodySeparatorDefect

import structlog
from prometheus_client import Counter

from wod_common.commands import Command
from wod_mailgate.agent import Agents
from wod_mailgate.authority import Authority, agreed
from wod_mailgate.grammar import Mail, header_values, parse, parse_heading, read_headers, read_mail
from wod_mailgate.peers import origin
from wod_mailgate.refusals import Refusals
from wod_mailgate.replies import Code, Refused, Unavailable, reply
from wod_mailgate.spool import Spool
from wod_mailgate.unsigned import UnsignedCommands

_log = structlog.get_logger(__name__)
MAILS = Counter("wod_mailgate_mails", "Mails decided, by verb (none: not understood) and reply code", ["verb", "reply"])
UNHEARD = Counter("wod_mailgate_refused_unheard", "Mails not taken whose sender does not listen to the answer")

#: what the log shall say of a mail, filled in as it becomes known; never the token, never an address
Facts = MutableMapping[str, object]


@dataclass(frozen=True)
class Intake:
    authority: Authority
    agents: Agents
    unsigned: UnsignedCommands
    #: there wherever peers are listed
    spool: Spool | None
    refusals: Refusals = field(default_factory=Refusals)

    def lists(self, peer: str) -> bool:
        return self.authority.peers.include(peer)

    async def decide(self, raw: bytes, peer: str, *, deaf: bool = False) -> str:
        """The SMTP reply. Says 250 only when the agent has the command, or the spool that of a ``deaf`` listed peer."""
        facts: Facts = {"peer": peer}
        code, text = await self._decide(raw, peer, facts, deaf)
        number = code.split()[0]
        MAILS.labels(facts.get("verb", "none"), number).inc()
        if deaf and code is not Code.TAKEN:
            UNHEARD.inc()
            _log.error("mail not taken, and its sender does not listen", reply=number, detail=text, **facts)
        elif code is Code.REFUSED and not self.refusals.spend(origin(peer)):
            return reply(Code.TOO_MANY_REFUSALS, "too many of your mails were refused, try again in a minute")
        else:
            _log.info("mail decided", reply=number, detail=text, **facts)
        return reply(code, text)

    def note_refusal(self, peer: str, code: Code, text: str) -> None:
        """A refusal that no mail has come to, in the log unless there are too many from there."""
        if self.refusals.spend(origin(peer)):
            _log.info("peer refused", peer=peer, reply=code.split()[0], detail=text)

    async def _decide(self, raw: bytes, peer: str, facts: Facts, deaf: bool) -> tuple[Code, str]:
        try:
            return Code.TAKEN, await self._take(raw, peer, facts, deaf)
        except Refused as refused:
            return Code.REFUSED, str(refused)
        except Unavailable as unavailable:
            return Code.TRY_AGAIN, str(unavailable)
        except Exception:  # noqa: BLE001 - the edge: a fault of ours must never cost the sender his command
            _log.exception("mail not decided", **facts)
            return Code.TRY_AGAIN, "the gate failed, try again later"

    async def _take(self, raw: bytes, peer: str, facts: Facts, deaf: bool) -> str:
        headers = read_headers(raw)
        _note_headers(headers, facts)
        signed = self.authority.authenticate(headers, peer)
        command = self._command(signed, raw)
        facts["command"] = str(command.id)
        if command.trace:
            facts["trace"] = command.trace
        if signed is None:
            return await self._take_unsigned(command, peer, deaf)
        return await self._hand_over(command)

    async def _take_unsigned(self, command: Command, peer: str, deaf: bool) -> str:
        assert self.spool is not None, "the settings allow no listed peer without a spool"
        if deaf:
            await self.spool.add(command, peer)
            return f"{command.id} spooled"
        if self.spool.holds(command):
            raise Unavailable(f"earlier commands for student {command.student} wait for the agent, try again later")
        return await self._hand_over(command)

    async def _hand_over(self, command: Command) -> str:
        receipt = await self.agents.send(command)
        return f"{receipt.id} {receipt.state}"

    def _command(self, signed: Command | None, raw: bytes) -> Command:
        mail = read_mail(raw)
        instruction = parse(mail)
        if signed is None:
            return self.unsigned.command(instruction, mail, raw)
        if any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in mail.defects):
            raise Refused("the mail has no blank line between its header and its body")
        return agreed(signed, instruction)


def _note_headers(headers: Mail, facts: Facts) -> None:
    message_ids = header_values(headers, "Message-ID")
    if message_ids:
        facts["message_id"] = message_ids[0].strip()[:200]
    heading = parse_heading(headers)
    facts.update(verb=heading.verb.value, student=heading.student, registration=heading.registration)
    if heading.last_student is not None:
        facts["last"] = heading.last_student
