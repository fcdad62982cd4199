"""What the runs of a command print: readable, without a secret, and only its end, for whoever looks into the command."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from wod_backend_agent.masking import MASK, forms
from wod_common.events import MOST_OUTPUT

CUT: Final = "(the beginning is left out)\n"
#: Looked through beside what is kept, and dropped: a secret that the beginning cuts in two would show by its second half.
MARGIN: Final = 8 * 1024

Keep = Callable[[str], Awaitable[None]]
_keep: ContextVar[Keep | None] = ContextVar("keep", default=None)

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: Ansible quotes the lines around an error, with their numbers: the file may be one of secrets.
_QUOTED = re.compile(r"^(?:\s*\d+ .*| +\^ column \d+)$")
_ORIGIN = "Origin: "
#: Ansible frames its headings, which the page does by itself.
_STARS = re.compile(r" \*{3,}$", re.M)


@contextmanager
def kept_by(keep: Keep) -> Iterator[None]:
    """What is handed on in the block, by whatever it calls, comes to ``keep``."""
    token = _keep.set(keep)
    try:
        yield
    finally:
        _keep.reset(token)


async def hand_on(text: str) -> None:
    """Nothing is done where no command is at work: a measurement in between belongs to none."""
    keep = _keep.get()
    if keep is not None and text.strip():
        await keep(text)


def readable(terminal: str) -> str:
    """Without colours, frames and control characters, and without the lines of files that an error quotes."""
    lines = _COLOURS.sub("", terminal).replace("\r\n", "\n").split("\n")
    text = _CONTROLS.sub("", "\n".join(_without_quotes(lines)))
    return _STARS.sub("", re.sub(r"\n{3,}", "\n\n", text)).strip("\n") + "\n"


def _without_quotes(lines: Iterable[str]) -> Iterator[str]:
    in_quotation = False
    for line in lines:
        in_quotation = line.startswith(_ORIGIN) or (in_quotation and (not line or _QUOTED.match(line) is not None))
        if not (in_quotation and _QUOTED.match(line)):
            yield line


def ending(text: str, secrets: Iterable[str] = ()) -> str:
    """The last of it, masked before it is cut."""
    near = _masked_across_lines(text[-(MOST_OUTPUT + MARGIN) :], secrets)
    if len(text) > MOST_OUTPUT + MARGIN:
        near = near[MARGIN:]
    elif len(near) <= MOST_OUTPUT:
        return near
    return CUT + near[-(MOST_OUTPUT - len(CUT)) :]


def _masked_across_lines(text: str, secrets: Iterable[str]) -> str:
    """Ansible breaks its lines, so a secret may go over two."""
    for form in forms(secrets):
        text = re.sub(r"(?:\n\s*)?".join(map(re.escape, form)), MASK, text)
    return text
