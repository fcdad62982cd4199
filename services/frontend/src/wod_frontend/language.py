"""The languages of the pages: which one this visitor reads, and the words in it.

The words in the code and in the templates are English; ``locales/<language>/*.po`` hold the others, read when the
process starts. The request's language is a context variable, so that no function has to hand it on.
"""

import io
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from babel import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCALES = Path(__file__).parent / "locales"
#: Holds a choice, not a person.
COOKIE = "wod_language"
COOKIE_SECONDS = 365 * 24 * 3600
PARAMETER = "language"


@dataclass(frozen=True)
class Language:
    """``code`` is what pages call themselves and the switch asks for; ``locale`` writes dates and numbers."""

    code: str
    name: str
    locale: Locale
    words: NullTranslations


def catalogues(code: str) -> Iterable[Catalog]:
    """Each ``.po`` of the language; a translator may split them as he likes."""
    for path in sorted((LOCALES / code).glob("*.po")):
        with path.open("rb") as file:
            yield read_po(file, locale=code)


def _words(code: str) -> NullTranslations:
    words = NullTranslations()
    for catalogue in catalogues(code):
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        read = GNUTranslations(compiled)
        read.add_fallback(words)
        words = read
    return words


@cache
def languages() -> dict[str, Language]:
    """By code, the language of the code first."""
    return {
        "en": Language("en", "English", Locale("en", "GB"), NullTranslations()),
        "fr": Language("fr", "Français", Locale("fr", "FR"), _words("fr")),
    }


_current: ContextVar[Language | None] = ContextVar("language", default=None)


def current() -> Language:
    """The language of the request that is being answered."""
    return _current.get() or languages()["en"]


def speak(code: str) -> None:
    """From here on, in this request, this language is spoken."""
    _current.set(languages()[code])


def gettext(text: str) -> str:
    return current().words.gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    return current().words.ngettext(one, many, number)


def later(text: str) -> str:
    """Marks a text of a constant for the translators; whoever shows it calls ``gettext`` with it."""
    return text


def _wished(scope: Scope, headers: Headers) -> tuple[str, bool]:
    """The code, and whether it was chosen by this very request: by its address, else the cookie, else the browser."""
    known = languages()
    asked = parse_qs(scope["query_string"].decode("latin-1")).get(PARAMETER, [""])[-1]
    if asked in known:
        return asked, True
    if (kept := _cookie(headers)) in known:
        return kept, False
    wishes = [wish.partition(";")[0].strip() for wish in headers.get("accept-language", "")[:200].split(",")]
    return negotiate_locale([wish for wish in wishes if wish], list(known), sep="-") or "en", False


def _cookie(headers: Headers) -> str:
    try:
        kept = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return kept.value if kept else ""


class LanguageChoice:
    """ASGI middleware: speaks the visitor's language, and keeps the choice of who asked with ``?language=fr``."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        self._secure = "; secure" if secure else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        code, chosen = _wished(scope, Headers(scope=scope))
        speak(code)

        async def send_with_choice(message: Message) -> None:
            if chosen and message["type"] == "http.response.start":
                cookie = f"{COOKIE}={code}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=lax{self._secure}"
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, send_with_choice)
