"""The demo's mail catcher: takes every mail over SMTP and shows it on a page. Nothing is ever sent on."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from wod_common.health import health_router
from wod_common.logs import configure_logging
from wod_common.problems import NotFound, add_problem_handlers
from wod_demo.callers import StudentsRefused, is_of
from wod_demo.maildir import Maildir, NoSuchMail

SIZE_LIMIT = 20_000_000  # bytes of one mail
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: A mail's HTML: no script, no form, no origin, no request for pictures that would tell of the reader.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; frame-ancestors 'self'"
)
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="WOD_MAILBOX_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8025, ge=1, le=65_535)
    smtp_port: int = Field(default=1025, ge=1, le=65_535)
    folder: Path
    #: of the students, where they have one each: whoever reads the mails knows everybody's password
    first_student_uid: int = Field(default=0, ge=0)
    students: int = Field(default=0, ge=0)

    @property
    def student_uids(self) -> range:
        return range(self.first_student_uid, self.first_student_uid + self.students)


class Catcher:
    """250 is said when the mail is on the disk."""

    def __init__(self, maildir: Maildir, student_uids: range) -> None:
        self._maildir = maildir
        self._student_uids = student_uids

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if isinstance(session.peer, tuple) and is_of(session.peer, self._student_uids):
            return "550 5.7.1 this is not for students' shells"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        sender = envelope.mail_from or ""
        name = await asyncio.to_thread(self._maildir.deliver, content, sender, envelope.rcpt_tos)
        return f"250 kept as {name}"


def linked(text: str) -> Markup:
    """The text, escaped, with its web addresses made links."""
    parts, end = [], 0
    for found in _LINK.finditer(text):
        address = escape(found.group())
        parts += [
            escape(text[end : found.start()]),
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(address),
        ]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def pages(maildir: Maildir) -> APIRouter:
    router = APIRouter()
    templates = Environment(loader=PackageLoader("wod_demo"), autoescape=True, undefined=StrictUndefined)
    templates.filters["linked"] = linked

    def page(name: str, **values: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(name).render(values), headers=_headers(PAGE_POLICY))

    @router.get("/")
    def index() -> HTMLResponse:
        return page("mails.html", mails=maildir.newest_first())

    @router.get("/mails/{mail_id}")
    def one(mail_id: str) -> HTMLResponse:
        return page("mail.html", mail=maildir.read(mail_id))

    @router.get("/mails/{mail_id}/html")
    def html(mail_id: str) -> HTMLResponse:
        content = maildir.read(mail_id).html or ""
        return HTMLResponse(f'<base target="_blank">{content}', headers=_headers(MAIL_POLICY))

    @router.get("/messages")
    def messages() -> list[dict[str, Any]]:
        return [asdict(summary) for summary in maildir.newest_first()]

    @router.get("/messages/{mail_id}")
    def message(mail_id: str) -> dict[str, Any]:
        mail = maildir.read(mail_id)
        return asdict(mail.summary) | {"headers": mail.headers, "text": mail.text, "html": mail.html}

    return router


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }


async def _no_such_mail(_: Request, error: Exception) -> Response:
    raise NotFound(f"no mail has the id {error.args[0]!r}; the list of all is at /") from error


def create_app(settings: Settings) -> FastAPI:
    maildir = Maildir(settings.folder)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                Catcher(maildir, settings.student_uids),
                data_size_limit=SIZE_LIMIT,
                enable_SMTPUTF8=True,
                hostname="localhost",
            ),
            settings.host,
            settings.smtp_port,
        )
        app.state.smtp = server
        yield
        server.close()

    async def smtp() -> str:
        if not app.state.smtp.is_serving():
            raise RuntimeError("not listening")
        return f"port {settings.smtp_port}"

    app = FastAPI(title="Mail catcher", lifespan=lifespan, docs_url=None, redoc_url=None)
    add_problem_handlers(app)
    app.add_exception_handler(NoSuchMail, _no_such_mail)
    app.mount("/static", StaticFiles(packages=[("wod_demo", "static")]))
    app.include_router(health_router({"smtp": smtp}))
    app.include_router(pages(maildir))
    app.add_middleware(StudentsRefused, uids=settings.student_uids)
    return app


def main() -> None:
    configure_logging("mailbox")
    settings = Settings()
    uvicorn.run(
        create_app(settings), host=settings.host, port=settings.port, log_config=None, timeout_graceful_shutdown=2
    )


if __name__ == "__main__":
    main()
