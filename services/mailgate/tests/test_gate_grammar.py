"""The grammar alone, on mails of every shape."""

import pytest

from wod_common.commands import Verb
from wod_mailgate.grammar import Instruction, parse, read_mail
from wod_mailgate.replies import Refused


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


def test_what_is_done_for_nobody_names_nobody() -> None:
    assert instruction("prepare 5 0") == Instruction(Verb.PREPARE, 5, None, None, None, "WKSHP-API101")
    assert instruction("VERIFY 5 0").registration is None
    assert instruction("PURGE 5 0").registration is None
    assert instruction("PURGE 5 12").registration == 12


@pytest.mark.parametrize("verb", [Verb.CREATE, Verb.CLEANUP, Verb.RESET, Verb.DELETE])
def test_nobody_gets_or_leaves_no_seat(verb: Verb) -> None:
    assert reason(f"{verb} 5 0") == f"{verb} is for a registration, and 0 is nobody's id"


@pytest.mark.parametrize("verb", [Verb.PREPARE, Verb.VERIFY])
def test_what_is_done_for_nobody_is_not_done_for_a_registration(verb: Verb) -> None:
    assert reason(f"{verb} 5 12") == f"{verb} is for nobody: the registration id is 0"


@pytest.mark.parametrize("subject", ["PREPARE 5,9 0", "VERIFY 5,9 0", "PREPARE 5 00", "PREPARE 5", "PREPARE 5 -0"])
def test_other_commands_for_nobody_are_refused(subject: str) -> None:
    assert reason(subject)


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
