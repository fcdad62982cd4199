"""E-mail addresses of visitors: which are taken, and the one key under which an address counts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

_ALL_DIGITS = re.compile(r"[0-9.]+")
#: Gmail names are hardly ever digits alone, those of carriers and of some countries' providers often are.
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


class AddressDenied(Exception):
    """``reason`` is one sentence fit to show to the visitor; it does not tell what is on the operator's list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Address:
    """``email`` is where to write to, in ASCII. ``key`` is equal for two spellings of one address.

    The key ignores case, also of the part before the @: in practice no provider tells ``Ada@`` from ``ada@``. Tags
    (``ada+lab@``) are kept: whether they are the same mailbox is each provider's affair.
    """

    email: str
    key: str


@dataclass(frozen=True)
class DenyList:
    """The operator's own list. A domain also denies those below it."""

    addresses: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "DenyList":
        """``ada@example.org`` denies an address, ``example.org`` or ``@example.org`` a domain.

        Raises ValueError naming an entry that is neither: a mistyped one would deny nobody.
        """
        addresses, domains = set(), set()
        for entry in (entry.strip() for entry in entries):
            local, _, domain = entry.rpartition("@")
            try:
                checked = _validated(f"{local or 'postmaster'}@{domain}")
            except EmailNotValidError as error:
                raise ValueError(f"{entry!r} on the deny list is neither an address nor a domain: {error}") from error
            if local:
                addresses.add(_key(checked))
            else:
                domains.add(_domain(checked))
        return cls(frozenset(addresses), frozenset(domains))

    def denies(self, key: str) -> bool:
        return key in self.addresses or not self.domains.isdisjoint(_with_parents(key.rpartition("@")[2]))


def check_address(text: str, deny: DenyList) -> Address:
    """Raises AddressDenied. No DNS is asked, so the answer does not depend on the network.

    Names under ``.test`` pass, as RFC 6761 means them for demonstrations.
    """
    try:
        checked = _validated(text.strip())
    except EmailNotValidError as error:
        raise AddressDenied(f"{error} Please check the address.") from error
    key = _key(checked)
    if not _throw_away_domains().isdisjoint(_with_parents(_domain(checked))):
        raise AddressDenied("Addresses of throw-away mail services are not accepted. Please use a lasting one.")
    if deny.denies(key) or _is_made_up(key):
        raise AddressDenied("This address is not accepted. Please use another one.")
    return Address(email=_ascii(checked), key=key)


def address_key(text: str) -> str:
    """The key of any well-formed address, also of one that we would not take today. Raises AddressDenied."""
    try:
        return _key(_validated(text.strip()))
    except EmailNotValidError as error:
        raise AddressDenied(f"{error} Please check the address.") from error


def _validated(text: str) -> ValidatedEmail:
    return validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True, strict=True)


def _ascii(checked: ValidatedEmail) -> str:
    assert checked.ascii_email is not None, "allow_smtputf8 is off"
    return checked.ascii_email


def _key(checked: ValidatedEmail) -> str:
    return _ascii(checked).casefold()


def _domain(checked: ValidatedEmail) -> str:
    return checked.ascii_domain.casefold()


def _with_parents(domain: str) -> Iterator[str]:
    """``a.b.org``, ``b.org``, ``org``."""
    labels = domain.split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))


@cache
def _throw_away_domains() -> frozenset[str]:
    return frozenset(blocklist)


def _is_made_up(key: str) -> bool:
    local, _, domain = key.rpartition("@")
    return domain in _GMAIL and _ALL_DIGITS.fullmatch(local.partition("+")[0]) is not None
