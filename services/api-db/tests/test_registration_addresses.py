import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wod_api_db.registrations.addresses import AddressDenied, DenyList, check_address

NOBODY = DenyList()


@pytest.mark.parametrize("text", ["someone@example.org", "x@demo.test", "12345@qq.com", "ada.m+lab@gmail.com"])
def test_an_ordinary_address_passes(text: str) -> None:
    assert check_address(text, NOBODY).email == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        (" ada@example.org\n", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@bu\u0308cher.example", "ada@b\u00fccher.example"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("ada@\uff45xample.org", "ada@example.org"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert check_address(one, NOBODY).key == check_address(other, NOBODY).key


def test_tags_are_kept_apart() -> None:
    assert check_address("ada+a@example.org", NOBODY).key != check_address("ada+b@example.org", NOBODY).key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "ada@@example.org",
        "ada@localhost",
        "ada@[127.0.0.1]",
        "ada@example..org",
        "ada b@example.org",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "Ada <ada@example.org>",
        "a" * 65 + "@example.org",
        "ünï@example.org",
    ],
)
def test_what_is_no_address_is_denied(text: str) -> None:
    with pytest.raises(AddressDenied, match="check the address"):
        check_address(text, NOBODY)


@pytest.mark.parametrize("text", ["ada@mailinator.com", "ada@MAILINATOR.com", "ada@box.mailinator.com"])
def test_throw_away_services_are_denied(text: str) -> None:
    with pytest.raises(AddressDenied, match="throw-away"):
        check_address(text, NOBODY)


@pytest.mark.parametrize("text", ["=?utf-8?q?x@example.org", "a=?b@example.org", "=?utf-8?q?ada?=@example.org"])
def test_encoded_words_are_denied(text: str) -> None:
    """A command's Subject names the address, and there they might be decoded."""
    with pytest.raises(AddressDenied, match=r"=\?"):
        check_address(text, NOBODY)


def test_a_mere_equals_sign_is_no_encoded_word() -> None:
    assert check_address("a=b?c@example.org", NOBODY).email == "a=b?c@example.org"


@pytest.mark.parametrize("text", ["12.34@gmail.com", "1234@Gmail.com", "1.2.3+x@googlemail.com"])
def test_digits_alone_are_denied_at_gmail(text: str) -> None:
    with pytest.raises(AddressDenied, match="not accepted"):
        check_address(text, NOBODY)


@pytest.mark.parametrize(
    "text", ["Eve@example.org", "bob@blocked.example", "bob@a.b.blocked.example", "x@bücher.example"]
)
def test_the_operators_list_denies_addresses_and_domains_with_those_below(text: str) -> None:
    deny = DenyList.of(["eve@Example.org", "@blocked.example", "BÜCHER.example"])
    with pytest.raises(AddressDenied, match="not accepted"):
        check_address(text, deny)


@pytest.mark.parametrize("text", ["ada@example.org", "bob@unblocked.example"])
def test_the_operators_list_denies_nobody_else(text: str) -> None:
    assert check_address(text, DenyList.of(["eve@example.org", "blocked.example"]))


def test_a_mistyped_entry_of_the_list_is_named() -> None:
    with pytest.raises(ValueError, match="'exa mple' on the deny list"):
        DenyList.of(["exa mple"])


@settings(deadline=None)
@given(st.emails() | st.text() | st.builds("{}@{}.org".format, st.text(max_size=20), st.text(max_size=20)))
@example("ada@xn--.org")
def test_any_text_is_denied_or_has_a_lasting_key_fit_for_a_header(text: str) -> None:
    try:
        address = check_address(text, NOBODY)
    except AddressDenied:
        return
    assert check_address(address.email, NOBODY).key == address.key == check_address(address.key, NOBODY).key
    assert address.email.isascii()
    assert address.email.isprintable()
    assert " " not in address.email
    assert "=?" not in address.email
