"""The language of command mails, matched whole.

What the original's mail filter passed on safely means the same here; what it passed on although it was unsafe or
ambiguous is refused with a reason.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import Compat32

from wod_common.commands import FOR_NOBODY, MAY_BE_FOR_NOBODY, WORKSHOP_PATTERN, Verb
from wod_mailgate.replies import Refused

_VERBS = "|".join(Verb)
# one blank and a digit must follow the verb at once: the original's filter took neither a TAB nor a fold there
_HEADING = re.compile(rf" *({_VERBS}) (?=[1-9])(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_FOLD = re.compile(r"\r?\n(?=[ \t])")
# the address is for people who read the mail; nothing here uses it
_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
_ARGUMENTS = re.compile(
    rf"(?P<student>[1-9][0-9]{{0,5}})(?:,(?P<last>[1-9][0-9]{{0,5}}))?[ \t]+(?P<registration>0|[1-9][0-9]{{0,18}})"
    rf"(?:[ \t]+(?P<email>{_ADDRESS}))?[ \t]*"
)
_LARGEST_REGISTRATION = 2**63 - 1
_LINE_END = re.compile(r"\r\n|\r|\n")
# an allowlist: Python's codecs also hold compressors and other things that are no charset of a mail
_CHARSETS = {"ascii", "utf-8", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-be", "utf-16-le"}

Mail = Message


@dataclass(frozen=True)
class Heading:
    """What the Subject says."""

    verb: Verb
    student: int
    last_student: int | None
    #: None where the Subject says 0, nobody
    registration: int | None
    email: str | None


@dataclass(frozen=True)
class Instruction(Heading):
    """What the mail asks for. With ``last_student`` it is a RESET of all seats from ``student`` to that one."""

    workshop: str


class _SubjectAsSent(Compat32):
    """Keeps the blanks before the Subject's text, which the parser would drop: a TAB there is not a blank."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        if name.lower() == "subject":
            value = "".join(sourcelines).partition(":")[2].rstrip("\r\n")
        return name, value


_POLICY = _SubjectAsSent()


def read_headers(raw: bytes) -> Mail:
    """Cheap on any input: the body is not looked at."""
    return BytesHeaderParser(policy=_POLICY).parsebytes(raw)


def read_mail(raw: bytes) -> Mail:
    """Costs more on a hostile body (parts within parts): for authenticated senders."""
    return BytesParser(policy=_POLICY).parsebytes(raw)


def header_values(mail: Mail, name: str) -> list[str]:
    """Every header of that name as it was sent, folds included and nothing decoded."""
    return [str(value) for key, value in mail.raw_items() if key.lower() == name.lower()]


def parse(mail: Mail) -> Instruction:
    """Raises Refused, with what is wrong and what would be right."""
    return Instruction(**vars(parse_heading(mail)), workshop=_workshop(mail))


def parse_heading(mail: Mail) -> Heading:
    subjects = header_values(mail, "Subject")
    if len(subjects) != 1:
        raise Refused(f"a command mail has exactly one Subject, this one has {len(subjects)}")
    match = _HEADING.fullmatch(subjects[0])
    if not match:
        raise Refused(f"the Subject is no command: one of {_VERBS}, one blank, then the student's number")
    return _heading(Verb(match[1].upper()), _FOLD.sub("", match[2]))


def _heading(verb: Verb, arguments: str) -> Heading:
    match = _ARGUMENTS.fullmatch(arguments)
    if not match:
        raise Refused(f"{verb} takes a student number, a registration id and, optionally, one plain e-mail address")
    last = int(match["last"]) if match["last"] else None
    heading = Heading(verb, int(match["student"]), last, int(match["registration"]) or None, match["email"])
    _check_bounds(heading)
    return heading


def _check_bounds(heading: Heading) -> None:
    _check_registration(heading.verb, heading.registration)
    if heading.last_student is None:
        return
    if heading.verb is not Verb.RESET:
        raise Refused(f"only RESET takes a range of students, {heading.verb} takes one")
    if heading.last_student < heading.student:
        raise Refused(f"the range {heading.student},{heading.last_student} ends before it begins")


def _check_registration(verb: Verb, registration: int | None) -> None:
    if registration is None:
        if verb not in MAY_BE_FOR_NOBODY:
            raise Refused(f"{verb} is for a registration, and 0 is nobody's id")
    elif verb in FOR_NOBODY:
        raise Refused(f"{verb} is for nobody: the registration id is 0")
    elif registration > _LARGEST_REGISTRATION:
        raise Refused(f"the registration id {registration} is too large")


def _workshop(mail: Mail) -> str:
    text = _text(next(_plain_parts(mail), None))
    lines = (line.strip(" \t") for line in _LINE_END.split(text))
    name = next((line for line in lines if line), None)
    if name is None:
        raise Refused("the body is empty: its first line must be the workshop's folder name")
    if not re.fullmatch(WORKSHOP_PATTERN, name):
        raise Refused("the body's first line is no workshop: a folder name such as WKSHP-API101 or CHLG-API101")
    return name


def _plain_parts(mail: Mail) -> Iterator[Mail]:
    """In order, and not those of a mail attached to this one: its text is not this sender's."""
    if mail.get_content_maintype() == "multipart":
        for part in mail.get_payload() if mail.is_multipart() else ():
            yield from _plain_parts(part)  # type: ignore[arg-type]  # a multipart's parts are messages
    elif mail.get_content_type() == "text/plain":
        yield mail


def _text(part: Mail | None) -> str:
    content = part.get_payload(decode=True) if part else None
    if part is None or not isinstance(content, bytes):
        raise Refused("the mail has no text/plain part to name the workshop in")
    charset = part.get_content_charset("utf-8")
    try:
        codec = codecs.lookup(charset)
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec.name not in _CHARSETS:
        raise Refused(f"the charset {charset[:40]} is not taken here, use UTF-8")
    return codec.decode(content, "replace")[0]
