"""The grammar alone, on mails of every shape."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wod_common.commands import WORKSHOP_PATTERN, Verb
from wod_mailgate.grammar import Instruction, parse, read_headers, read_mail
from wod_mailgate.replies import Code, Refused, reply


def instruction(subject: str, body: str = "WKSHP-API101", headers: str = "") -> Instruction:
    return parse(read_mail(f"{headers}Subject: {subject}\r\n\r\n{body}\r\n".encode()))


def reason(subject: str, body: str = "WKSHP-API101", headers: str = "") -> str:
    with pytest.raises(Refused) as refused:
        instruction(subject, body, headers)
    return str(refused.value)


def test_a_command_is_read_whole() -> None:
    assert instruction("cReAtE 5  12\t o'hara+wod@b.example ", "\r\n WKSHP-A_1.b \r\nregards") == Instruction(
        Verb.CREATE, 5, None, 12, "o'hara+wod@b.example", "WKSHP-A_1.b"
    )


def test_a_range_is_a_resets_alone() -> None:
    assert instruction("RESET 5,9 12").last_student == 9
    assert "only RESET takes a range" in reason("PURGE 5,9 12")
    assert "ends before it begins" in reason("RESET 9,5 12")


@pytest.mark.parametrize(
    "arguments",
    [
        "5",
        "5abc 12",
        "5.0 12",
        "05 12",
        "+5 12",
        "-5 12",
        "5, 12",
        "5,9,10 12",
        "5 0",
        "5 12 13",
        "5 12 a@b c@d",
        "5 12 a@b;id",
        "5 12 a@b\x00",
        "1234567 12",
        "5 12345678901234567890",
        "5 9223372036854775808",
        "\u0665 12",
        "5 1\u0662",
        "5\x0b12",
        "5\u00a012",
        "5 12 <a@b>",
        "5 12 a@" + "b" * 300,
    ],
)
def test_other_arguments_are_refused(arguments: str) -> None:
    assert reason(f"CREATE {arguments}")


@pytest.mark.parametrize("verb", ["CREATES", "RE\u017fET", "CREATE ", "", "HELP", "CREATE\x00"])
def test_other_verbs_are_refused(verb: str) -> None:
    assert "no command" in reason(f"{verb} 5 12")


@pytest.mark.parametrize(
    "name",
    [
        "WKSHP-",
        "WKSHP-API101/..",
        "XWKSHP-API101",
        "WKSHP-API101 WKSHP-B",
        "WKSHP-.hidden",
        "WKSHP-" + "a" * 65,
        "WKSHP-API101\x0bx",
        "WKSHP-API101\x00",
        "WKSHP-\u00c4",
        "\ufeffWKSHP-API101",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    assert "no workshop" in reason("CREATE 5 12", name)


@pytest.mark.parametrize("charset", ["zlib_codec", "rot13", "unicode_escape", "idna", "x-unknown", "utf-7", "a\x00b"])
def test_an_odd_charset_is_refused(charset: str) -> None:
    assert reason("CREATE 5 12", headers=f"Content-Type: text/plain; charset={charset}\r\n")


def test_the_text_of_an_attached_mail_is_not_the_senders() -> None:
    attached = "Content-Type: message/rfc822\r\n"
    assert "no text/plain part" in reason("CREATE 5 12", "Subject: x\r\n\r\nWKSHP-API101", attached)


def test_a_multipart_without_parts_is_refused() -> None:
    assert "no text/plain part" in reason("CREATE 5 12", headers="Content-Type: multipart/mixed\r\n")


_WORDS = st.sampled_from(
    [
        *Verb,
        "create",
        " ",
        "  ",
        "\t",
        "\r\n ",
        "\r\n",
        "\n",
        "\r",
        ",",
        "0",
        "5",
        "12",
        "5abc",
        "1" * 30,
        "a@b.c",
        "é",
        "\x00",
        "=?utf-8?q?CREATE?=",
        ":",
        "Subject:",
        "X-WoD-Command:",
        "\u0661",
        "\x0b",
        "\x85",
    ]
)
_BODIES = st.lists(
    st.sampled_from(
        ["WKSHP-API101", "CHLG-a", " ", "\r\n", "/..", "=", "--b", "--b--", "Content-Type: text/plain", "é"]
    )
).map("".join)
_HEADERS = st.sampled_from(
    [
        "",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Type: text/plain; charset=utf-16\r\n",
        "Content-Type: text/plain; charset*=x''%ff\r\n",
        "Content-Transfer-Encoding: x-uuencode\r\n",
    ]
)


def _check_any(raw: bytes) -> None:
    """No crash; and what is taken is a command by a reading of the Subject that shares nothing with the grammar's."""
    try:
        taken = parse(read_mail(raw))
    except Refused:
        return
    assert re.fullmatch(WORKSHOP_PATTERN, taken.workshop)
    assert 0 < taken.student < 10**6
    assert 0 < taken.registration < 2**63
    [subject] = read_headers(raw).get_all("Subject", [])
    verb, numbers, registration, *address = str(subject).split()
    assert verb.upper() == taken.verb
    assert numbers == (f"{taken.student},{taken.last_student}" if taken.last_student else str(taken.student))
    assert registration == str(taken.registration)
    assert address == ([taken.email] if taken.email else [])


@settings(max_examples=1200, deadline=None)
@given(st.lists(_WORDS).map("".join), _HEADERS, _BODIES)
def test_nothing_outside_the_grammar_is_taken(subject: str, headers: str, body: str) -> None:
    _check_any(f"{headers}Subject: {subject}\r\n\r\n{body}".encode())


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(Verb),
    st.integers(-2, 10**7),
    st.integers(-2, 2**64),
    st.sampled_from(["", " a@b.example", " $HOME", "\t", "\r\n x@y"]),
    _HEADERS,
    _BODIES,
)
def test_near_commands_are_taken_only_whole(
    verb: Verb, student: int, registration: int, rest: str, headers: str, body: str
) -> None:
    _check_any(f"{headers}Subject: {verb} {student} {registration}{rest}\r\n\r\n{body}".encode())


@settings(max_examples=600, deadline=None)
@given(st.binary())
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    _check_any(raw)
    _check_any(b"Subject: CREATE 5 12\r\nContent-Type: " + raw)


@given(st.text())
def test_a_reply_is_one_line_of_ascii(text: str) -> None:
    said = reply(Code.REFUSED, text)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 500
