"""No more mails of the kind that a session works without: the page behind the link in them, and its one click."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from wod_frontend.state import ApiDep, PagesDep

router = APIRouter(prefix="/mail/unsubscribe", default_response_class=HTMLResponse, include_in_schema=False)
#: Checked because it becomes a part of the api-db's address.
Token = Annotated[str, Path(pattern=r"^[0-9]{1,19}-[A-Za-z0-9_-]{1,200}$")]


@router.get("/{token}")
async def ask(token: Token, request: Request, pages: PagesDep) -> Response:
    """Changes nothing: programs that look for viruses open every link of a mail."""
    return pages.render(request, "unsubscribe.html", token=token, done=False)


@router.post("/{token}")
async def unsubscribe(token: Token, request: Request, api: ApiDep, pages: PagesDep) -> Response:
    """From the page's button, or from the mail program itself (RFC 8058), which has no cookie and follows no redirect.

    So no form token is asked for: the one in the address proves enough for what this does.
    """
    await api.unsubscribe(token)
    return pages.render(request, "unsubscribe.html", token=token, done=True)
