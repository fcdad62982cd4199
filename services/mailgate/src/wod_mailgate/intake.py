"""From a mail as received to the reply: the one road every command takes."""

from collections.abc import MutableMapping
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from wod_common.commands import Command
from wod_mailgate.agent import Agent
from wod_mailgate.authority import Authority, agreed, unsigned
from wod_mailgate.grammar import Mail, header_values, parse, parse_heading, read_headers, read_mail
from wod_mailgate.replies import Code, Refused, Unavailable, reply

_log = structlog.get_logger(__name__)
MAILS = Counter("wod_mailgate_mails", "Mails decided, by verb (none: not understood) and reply code", ["verb", "reply"])

#: what the log shall say of a mail, filled in as it becomes known; never the token, never an address
Facts = MutableMapping[str, object]


@dataclass(frozen=True)
class Intake:
    authority: Authority
    agent: Agent
    location: int

    async def decide(self, raw: bytes, peer: str) -> str:
        """The SMTP reply. Says 250 only when the agent has the command."""
        facts: Facts = {"peer": peer}
        code, text = await self._decide(raw, peer, facts)
        number = code.split()[0]
        MAILS.labels(facts.get("verb", "none"), number).inc()
        _log.info("mail decided", reply=number, detail=text, **facts)
        return reply(code, text)

    async def _decide(self, raw: bytes, peer: str, facts: Facts) -> tuple[Code, str]:
        try:
            return Code.TAKEN, await self._take(raw, peer, facts)
        except Refused as refused:
            return Code.REFUSED, str(refused)
        except Unavailable as unavailable:
            return Code.TRY_AGAIN, str(unavailable)
        except Exception:  # noqa: BLE001 - the edge: a fault of ours must never cost the sender his command
            _log.exception("mail not decided", **facts)
            return Code.TRY_AGAIN, "the gate failed, try again later"

    async def _take(self, raw: bytes, peer: str, facts: Facts) -> str:
        headers = read_headers(raw)
        _note_headers(headers, facts)
        signed = self.authority.authenticate(headers, peer)
        command = self._command(signed, raw)
        facts["command"] = str(command.id)
        receipt = await self.agent.send(command)
        return f"{receipt.id} {receipt.state}"

    def _command(self, signed: Command | None, raw: bytes) -> Command:
        mail = read_mail(raw)
        instruction = parse(mail)
        return agreed(signed, instruction) if signed else unsigned(instruction, self.location, mail, raw)


def _note_headers(headers: Mail, facts: Facts) -> None:
    message_ids = header_values(headers, "Message-ID")
    if message_ids:
        facts["message_id"] = message_ids[0].strip()[:200]
    heading = parse_heading(headers)
    facts.update(verb=heading.verb.value, student=heading.student, registration=heading.registration)
    if heading.last_student is not None:
        facts["last"] = heading.last_student
