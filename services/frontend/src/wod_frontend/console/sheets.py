"""A list as a sheet (CSV, RFC 4180), row by row as the api-db gives it."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from wod_frontend.console.backstage import Row
from wod_frontend.console.listings import readable

#: What makes a spreadsheet take a cell for a formula; typed by strangers into a form, it would run at the operator's.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def defused(value: Any) -> Any:
    """The value as a spreadsheet shows it and does not compute it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


async def sheet(rows: AsyncIterator[Row]) -> AsyncIterator[bytes]:
    """The first row gives the columns. With a mark at its begin, by which spreadsheets know that it is UTF-8."""
    names: list[str] = []
    async for row in rows:
        flat = readable(row)
        if not names:
            names = list(flat)
            yield b"\xef\xbb\xbf" + _line(names)
        yield _line([flat.get(name) for name in names])


def _line(values: list[Any]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow([defused(value) for value in values])
    return written.getvalue().encode()
