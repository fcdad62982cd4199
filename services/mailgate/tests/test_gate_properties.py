"""Mails of every shape: nothing crashes the gate, and it takes what a second, simple reading takes, no more and no less."""

import os
import string
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wod_common.commands import Verb
from wod_mailgate.grammar import parse, read_headers, read_mail
from wod_mailgate.replies import Code, Refused, reply

# The second reading goes character by character and shares nothing with the gate's own.

_LETTERS = frozenset(string.ascii_letters)
_DIGITS = frozenset(string.digits)
_NAME = _LETTERS | _DIGITS | frozenset("._-")
_LOCAL = _LETTERS | _DIGITS | frozenset(".!#$%&'*+/=?^_`{|}~-")
_DOMAIN = _LETTERS | _DIGITS | frozenset(".-")


@dataclass(frozen=True)
class Reading:
    verb: str
    first: int
    last: int | None
    registration: int | None
    workshop: str


def read(raw: str) -> Reading | None:
    """The command in a plain mail (no MIME header), lines ended by LF or CR LF; None where there is none."""
    header, body = _split(raw.replace("\r\n", "\n"))
    subjects = [value for name, value in _fields(header) if name.lower() == "subject"]
    workshop = next((line.strip(" \t") for line in body if line.strip(" \t")), "")
    if len(subjects) != 1 or not _is_workshop(workshop):
        return None
    return _command(subjects[0], workshop)


def _split(raw: str) -> tuple[list[str], list[str]]:
    """An empty line parts them; so does a line that can be no header."""
    lines = raw.split("\n")
    for number, line in enumerate(lines):
        if line == "":
            return lines[:number], lines[number + 1 :]
        name = line.partition(":")[0]
        is_field = ":" in line and all("!" <= char <= "~" for char in name)
        if not is_field and line[0] not in " \t":
            return lines[:number], lines[number:]
    return lines, []


def _fields(header: list[str]) -> Iterator[tuple[str, str]]:
    """A line that begins with a blank belongs to the one above it; each such line end stays in the value."""
    unfolded: list[str] = []
    for line in header:
        if line[0] in " \t" and unfolded:
            unfolded[-1] += "\n" + line
        elif line[0] not in " \t":
            unfolded.append(line)
    for field in unfolded:
        name, _, value = field.partition(":")
        yield name, value


def _command(subject: str, workshop: str) -> Reading | None:
    verb, one_blank, rest = subject.lstrip(" ").partition(" ")
    verb = verb.upper() if verb.isascii() else ""
    if verb not in {"CREATE", "CLEANUP", "RESET", "PURGE", "DELETE", "PREPARE", "VERIFY"} or not one_blank:
        return None
    if not rest or rest[0] not in _DIGITS:
        return None
    arguments = _words(rest)
    if not arguments or not 2 <= len(arguments) <= 3:
        return None
    first, comma, last = arguments[0].partition(",")
    numbers = [_number(first, 6), _number(last, 6) if comma else 0, _registration(arguments[1])]
    if None in numbers or (len(arguments) == 3 and not _is_address(arguments[2])):
        return None
    student, end, registration = (number or 0 for number in numbers)
    for_nobody = {"PREPARE": [True], "VERIFY": [True], "PURGE": [True, False]}.get(verb, [False])
    if (registration == 0) not in for_nobody or registration >= 2**63 or (comma and (verb != "RESET" or end < student)):
        return None
    return Reading(verb, student, end if comma else None, registration or None, workshop)


def _words(text: str) -> list[str] | None:
    """Blanks and folds are between words; a line end without a blank after it is nowhere."""
    words = [""]
    for char in text.replace("\n ", " ").replace("\n\t", "\t"):
        if char == "\n":
            return None
        if char in " \t":
            words.append("")
        else:
            words[-1] += char
    return [word for word in words if word]


def _number(text: str, digits: int) -> int | None:
    """None for what is not a positive whole number written the one way it can be."""
    if not text or len(text) > digits or text[0] == "0" or any(char not in _DIGITS for char in text):
        return None
    return int(text)


def _registration(text: str) -> int | None:
    return 0 if text == "0" else _number(text, 19)


def _is_address(text: str) -> bool:
    local, at, domain = text.partition("@")
    sizes = 1 <= len(local) <= 64 and 1 <= len(domain) <= 253
    return bool(at) and sizes and set(local) <= _LOCAL and set(domain) <= _DOMAIN


def _is_workshop(text: str) -> bool:
    kind, dash, name = text.partition("-")
    begins = bool(name) and name[0] in _LETTERS | _DIGITS
    return kind in {"WKSHP", "CHLG"} and bool(dash) and begins and len(name) <= 64 and set(name) <= _NAME


#: a hundred thousand by hand
EXAMPLES = int(os.environ.get("WOD_GATE_EXAMPLES", "3000"))
#: seconds; a machine that does other things as well takes two thousandths of one for each
pytestmark = pytest.mark.timeout(120 + EXAMPLES // 50)
_many = settings(max_examples=EXAMPLES, deadline=None)
_few = settings(max_examples=max(EXAMPLES // 5, 1), deadline=None)

#: what a part of the Subject is in a command, and what it may be instead; most mails are spoilt in two places at most,
#: or the gate would refuse nearly all and be right whatever it did
_PARTS: list[tuple[list[str], list[str]]] = [
    ([" ", "", "   "], ["\t", "\r\n ", " \t", "x", "\u00a0"]),
    ([*Verb, "create", "ReSeT"], ["CREATES", "", "RE\u017fET", "HELP", "CRE ATE", "CREATE\t", "=?utf-8?q?CREATE?="]),
    ([" "], ["  ", "\t", "\r\n ", "", "\u00a0", "\x00", " \t"]),
    (
        ["5", "1,9", "999999", "40"],
        ["9,1", "1+1", "0x10", "$(id)", "\u0663", "007", "", "5,", ",5", "1000000", "5abc", "0"],
    ),
    ([" ", "  ", "\t", "\r\n ", "\n\t"], ["\r\n", "", "\x0b", "\u00a0", ",", "\x00"]),
    (["12", "1", "0", str(2**63 - 1)], [str(2**63), "9" * 19, "00", "01", "-1", "", "\u0661", "1.0"]),
    ([" ", "  ", "\t", "\n "], ["\r\n", "", "\x0b", "\x1c", ";"]),
    (
        ["", "a@b.c", "o'hara+x@b"],
        ["a@b@c", "<a@b>", "a b", "$(x)@y", "a;b@c", "\u00e9@b.c", "a" * 65 + "@b", "@", "13"],
    ),
    (["", " ", "\t", "\r\n "], ["x", "\x00", "\r\nx", " 13", "\x0c"]),
]


@st.composite
def _subjects(draw: st.DrawFn) -> str:
    spoilt = draw(st.lists(st.integers(0, len(_PARTS) - 1), max_size=2))
    return "".join(draw(st.sampled_from(other if n in spoilt else right)) for n, (right, other) in enumerate(_PARTS))


_SUBJECT = _subjects()
_BLANK, _ADDRESS, _AFTER = (st.sampled_from(right * 4 + other) for right, other in _PARTS[-3:])
_OTHER = st.sampled_from(
    [
        "From: a@b\r\n",
        "X-Long: a\r\n b\r\n",
        "Precedence: bulk\r\n",
        "X: \x00\r\n",
        "subject-x: CREATE 1 2\r\n",
        "X: a\r\n Subject: CREATE 1 2\r\n",
        "SUBJECT: CREATE 6 13\r\n",
        "Subject : CREATE 6 13\r\n",
        "no header\r\n",
        "\u00e9: a\r\n",
        "X:\r\n \r\n",
        "\n",
    ]
)
_OTHERS = st.one_of(st.just(""), st.just("From: a@b\r\n"), st.lists(_OTHER, max_size=2).map("".join))
_LINE = st.sampled_from(
    ["WKSHP-API101", "CHLG-a", "WKSHP-", "wkshp-a", ".", "../x", "WKSHP-a/b", "WKSHP-a b", "WKSHP-\u0430", "WKSHP-a\x00",
     "WKSHP-" + "a" * 65, "X:y", " WKSHP-a\t", "", " ", "\t", "Subject: CREATE 1 2", "CHLG-..", "WKSHP-a..b", "\x0bWKSHP-a"]
)  # fmt: skip
_LINES = st.lists(st.tuples(_LINE, st.sampled_from(["\r\n", "\n"])).map("".join), max_size=3).map("".join)
_BODY = st.one_of(st.just("WKSHP-API101\r\n"), st.just("\n CHLG-a_b.c-1 \nregards\n"), _LINES)
_ENCODED = st.sampled_from(
    [
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/plain; charset=utf-16\r\n",
        "Content-Type: text/plain; charset*=x''%ff\r\n",
        "Content-Type: text/plain; charset=zlib\r\n",
        "Content-Type: \x00\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Transfer-Encoding: x-uuencode\r\n",
    ]
)
_ENCODED_BODY = st.lists(
    st.sampled_from(
        [
            "WKSHP-a",
            "--b\r\n",
            "--b--\r\n",
            "\r\n",
            "=",
            "V0tTSFAtQQ==",
            "Content-Type: text/plain\r\n",
            "begin 6 x\r\n",
        ]
    )
).map("".join)


def _taken(raw: bytes) -> Reading | None:
    """What the gate takes the mail for."""
    read_headers(raw)
    try:
        taken = parse(read_mail(raw))
    except Refused:
        return None
    return Reading(taken.verb.value, taken.student, taken.last_student, taken.registration, taken.workshop)


def _agree(mail: str) -> None:
    assert _taken(mail.encode()) == read(mail)


@_many
@given(_OTHERS, _SUBJECT, _OTHERS, st.sampled_from(["\r\n", "\r\n", "\n", ""]), _BODY)
def test_the_gate_takes_what_the_grammar_says(before: str, subject: str, after: str, blank: str, body: str) -> None:
    _agree(f"{before}Subject:{subject}\r\n{after}{blank}{body}")


@_many
@given(st.sampled_from(Verb), st.integers(-2, 2 * 10**6), st.integers(-2, 2**64), _BLANK, _ADDRESS, _AFTER)
def test_numbers_are_taken_within_their_bounds(
    verb: Verb, student: int, registration: int, blank: str, address: str, after: str
) -> None:
    _agree(f"Subject: {verb} {student} {registration}{blank}{address}{after}\r\n\r\nWKSHP-API101\r\n")


@_few
@given(_SUBJECT, _ENCODED, _ENCODED, _ENCODED_BODY)
def test_an_encoded_mail_commands_what_its_subject_says(subject: str, one: str, other: str, body: str) -> None:
    taken = _taken(f"{one}{other}Subject:{subject}\r\n\r\n{body}".encode())
    if taken is not None:
        assert read(f"Subject:{subject}\r\n\r\n{taken.workshop}\r\n") == taken


@_few
@given(st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs"])), _BODY)
def test_any_subject_is_taken_or_refused(subject: str, body: str) -> None:
    _agree(f"Subject: {subject}\r\n\r\n{body}")


@_few
@given(st.binary())
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    _taken(raw)
    _taken(b"Subject: CREATE 5 12\r\nContent-Type: " + raw)
    _taken(b"Subject: CREATE 5 12\r\n\r\n" + raw)


@_few
@given(st.text())
def test_a_reply_is_one_line_of_ascii(text: str) -> None:
    said = reply(Code.REFUSED, text)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 500


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        ("Subject: CREATE 5 12 a@b.c\n\nWKSHP-A\n", Reading("CREATE", 5, None, 12, "WKSHP-A")),
        ("Subject: RESET 5,9 12\r\nWKSHP-A\r\n", Reading("RESET", 5, 9, 12, "WKSHP-A")),
        ("Subject: PREPARE 5 0\n\nWKSHP-A\n", Reading("PREPARE", 5, None, None, "WKSHP-A")),
        ("Subject: CREATE 5 0\n\nWKSHP-A\n", None),
        ("Subject: CREATE  5 12\n\nWKSHP-A\n", None),
    ],
)
def test_the_second_reading_reads(mail: str, expected: Reading | None) -> None:
    """An oracle that takes nothing would agree with a gate that takes nothing."""
    assert read(mail) == expected == _taken(mail.encode())
