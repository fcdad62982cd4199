"""What a command says: one JSON document for programs, tables for people. Answers on stdout, all else on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wod_cli.failures import Failure

#: Where no terminal sets the width, nothing is cut off.
PLAIN_WIDTH = 1000


def console(*, stderr: bool = False) -> Console:
    plain = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=PLAIN_WIDTH if plain else None, soft_wrap=plain, highlight=False)


def shown(value: Any) -> Text:
    """Names and errors are strangers': what would steer the terminal is taken out."""
    if value is None or value == "":
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return Text("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value)))


class Output:
    """``as_json`` makes it one document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def rows(self, items: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """A list; a column is a field's name, with dots into what is nested."""
        listed = list(items)
        if self.as_json:
            self._document({"items": listed})
            return
        console().print(_table(listed, columns))

    def thing(self, data: Mapping[str, Any]) -> None:
        """One thing with all its fields; lists of things below it."""
        if self.as_json:
            self._document(data)
            return
        screen = console()
        fields = Table(box=None, show_header=False, pad_edge=False)
        for name, value in data.items():
            if not is_table(value):
                fields.add_row(Text(name, style="bold"), shown(value))
        screen.print(fields)
        for name, value in data.items():
            if is_table(value):
                screen.print(Text(f"\n{name}", style="bold"))
                screen.print(_table(value, list(value[0])))

    def done(self, sentence: str, document: Mapping[str, Any]) -> None:
        """An act without an answer that is worth a table."""
        if self.as_json:
            self._document(document)
        else:
            console().print(shown(sentence))

    def remark(self, sentence: str) -> None:
        """Beside the answer."""
        if not self.as_json:
            console(stderr=True).print(shown(sentence))

    def failure(self, failure: Failure) -> None:
        if self.as_json:
            print(json.dumps(failure.problem(), ensure_ascii=False), file=sys.stderr)  # noqa: T201 - the answer
        else:
            screen = console(stderr=True)
            screen.print(Text("wod: ", style="bold red") + shown(failure.detail))
            for rows in failure.lists.values():
                screen.print(_table(rows, list(rows[0])))

    @staticmethod
    def _document(data: Any) -> None:
        print(json.dumps(data, indent=2, ensure_ascii=False))  # noqa: T201 - the answer


def is_table(value: Any) -> bool:
    """A list of things, and one at least."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _table(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for column in columns:
        table.add_column(column.rpartition(".")[2].replace("_", " "), overflow="fold")
    for item in items:
        table.add_row(*(shown(_field(item, column)) for column in columns))
    return table


def _field(item: Any, column: str) -> Any:
    for name in column.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item
