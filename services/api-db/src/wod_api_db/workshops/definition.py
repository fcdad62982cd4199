"""A workshop as its author describes it: the values of a ``wod.yml``, checked."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

from wod_common.wod_yml import SeatRange, flag, script_names, seat_range

#: What authors write where a value is still to come.
PLACEHOLDERS = frozenset({"", "???", "tbd", "todo", "n/a"})
#: A seat is somebody's for hours; a longer loan is a mistyped one.
MAX_HOURS = 31 * 24
#: Zero width non-joiner and joiner do not show, and are needed: Persian is written with the one, emoji with the other.
_JOINERS = {0x200C: None, 0x200D: None}
_BARE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: a leading zero would be octal to other readers of YAML 1.1
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
_DECIMAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")


def _number(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else value
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return number

    return check


def _number_or_none(value: Any) -> int | None:
    return None if value is None or _is_placeholder(value) else _number(0, 2**31 - 1)(value)


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in PLACEHOLDERS


def _line_of_text(limit: int, *, needed: bool = False) -> Callable[[Any], str]:
    """One line of at most ``limit`` characters; white space within it becomes single blanks."""

    def check(value: Any) -> str:
        if value is None or _is_placeholder(value):
            if needed:
                raise ValueError("write a text")
            return ""
        if not isinstance(value, str):
            raise ValueError("is not a text; put it in quotes")  # noqa: TRY004 - pydantic collects ValueErrors only
        line = " ".join(value.split())
        if len(line) > limit or not line.translate(_JOINERS).isprintable():
            raise ValueError(f"write at most {limit} printable characters")
        return line

    return check


def _texts(value: Any) -> tuple[str, ...]:
    """A list of short texts, or one text that stands for a list of one; placeholders and repetitions fall away."""
    items = value if isinstance(value, list) else [value]
    if len(items) > 20:
        raise ValueError("write at most 20")
    texts = dict.fromkeys(map(_line_of_text(80), items))
    return tuple(text for text in texts if text)


def _hours(value: Any) -> timedelta:
    """Hours, with fractions: ``0.02`` is 72 seconds."""
    text = str(value).strip()
    hours = Decimal(text) if _DECIMAL.fullmatch(text) else Decimal(0)
    span = timedelta(seconds=round(float(hours * 3600), 3))
    if not timedelta(0) < span <= timedelta(hours=MAX_HOURS):
        raise ValueError(f"write hours as a number above 0 and up to {MAX_HOURS}, such as 2 or 1.5")
    return span


def _hours_or_none(value: Any) -> timedelta | None:
    return None if value is None or value is False or _is_placeholder(value) else _hours(value)


def _link(value: Any) -> str:
    """An http(s) URL or a path of the portal's own site; a browser would run anything else we let through."""
    link = _line_of_text(2000)(value)
    if not link:
        return ""
    if " " in link or "\\" in link or not _is_safe(link):
        raise ValueError("write a link that begins with https://, http:// or a single /")
    return link


def _is_safe(link: str) -> bool:
    if link.startswith("/"):
        return not link.startswith("//")
    try:
        parts = urlsplit(link)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _badge(value: Any) -> str:
    """A link, or the bare name of a picture among the portal's badges."""
    if isinstance(value, str) and _BARE_NAME.fullmatch(value.strip()) and not _is_placeholder(value):
        return value.strip()
    return _link(value)


Flag = Annotated[bool, BeforeValidator(flag)]
Link = Annotated[str, BeforeValidator(_link)]
HoursOrNone = Annotated[timedelta | None, BeforeValidator(_hours_or_none)]
LongText = Annotated[str, BeforeValidator(_line_of_text(5000))]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
ShortText = Annotated[str, BeforeValidator(_line_of_text(200))]


class WorkshopDefinition(BaseModel):
    """The keys of a ``wod.yml`` by their Python names, with the folder's name and the state of its files.

    ``capacity`` is the author's wish at the first import; later imports leave the stored one alone.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=AliasGenerator(validation_alias=to_camel),
        validate_by_name=True,
        validate_by_alias=True,
    )

    notebook: str
    #: SHA-256 over the names and bytes of the folder's files, hexadecimal: a seat prepared from another is stale
    content_version: str
    #: it has programs of its own, in scripts/ beside it, that run around its commands
    hooks: bool = False
    name: Annotated[str, BeforeValidator(_line_of_text(200, needed=True))]
    description: LongText = ""
    active: Flag
    capacity: Annotated[int, BeforeValidator(_number(0, 100_000))]
    priority: Annotated[int, BeforeValidator(_number(0, 100_000))] = 0
    range: Annotated[SeatRange, BeforeValidator(seat_range)]
    reset: Flag = False
    ldap: Flag = False
    varpass: Flag = False
    compile: Annotated[tuple[str, ...], BeforeValidator(script_names)] = ()
    replay_id: Annotated[int | None, BeforeValidator(_number_or_none)] = None
    replay_link: Link = ""
    workshop_img: Link = ""
    badge_img: Annotated[str, BeforeValidator(_badge)] = ""
    beta: Flag = False
    category: Texts = ()
    #: counted from the moment the credentials mail has left
    duration: Annotated[timedelta, BeforeValidator(_hours)]
    presenter: ShortText = ""
    role: ShortText = ""
    avatar: Link = ""
    monoappliance: Flag = False
    multiappliance: Flag = False
    session_type: Literal["Workshops-on-Demand", "Coding Challenge"] = "Workshops-on-Demand"
    #: name or host name of the location of a workshop that has none yet; empty is the installation's first
    location: Annotated[str, BeforeValidator(_line_of_text(80))] = ""
    #: names or host names of locations where the workshop may run too, the preferred one first
    alternate_location: Texts = ()
    pre_requisite: LongText = ""
    extensions: Annotated[int, BeforeValidator(_number(0, 20))] = 1
    #: by how much a session is extended; None is half the duration
    extension: HoursOrNone = None
    #: without a login for this long, a reminder; None is never
    no_show: HoursOrNone = None


#: Keys of a ``wod.yml`` and the fields they fill.
KEYS = {
    to_camel(field): field
    for field in WorkshopDefinition.model_fields
    if field not in {"notebook", "content_version", "hooks"}
}
