"""Ansible's ``lookup`` and ``query`` for those that compute; the others read files of the rendering machine or run commands."""

from collections.abc import Mapping
from typing import Any

COMPUTING = frozenset(
    {"dict", "indexed_items", "items", "list", "nested", "random_choice", "sequence", "subelements", "together"}
)
NAMES = frozenset({"lookup", "query", "q"})
_PREFIX = "ansible.builtin."


class LookupRefused(Exception):
    """Names the lookup, and what to do instead."""


class Lookups:
    """``variables`` is for ``lookup('vars', ...)``, which reads a variable by a computed name."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._variables = variables

    def provided(self) -> dict[str, Any]:
        return {"lookup": self.lookup, "query": self.query, "q": self.query}

    def query(self, name: str, *terms: Any, **options: Any) -> Any:
        return self.lookup(name, *terms, **{**options, "wantlist": True})

    def lookup(self, name: str, *terms: Any, wantlist: bool = False, **options: Any) -> Any:
        """Raises LookupRefused."""
        found = self._found(name.removeprefix(_PREFIX), list(terms), options)
        if wantlist or not found:
            return found
        if len(found) == 1:
            return found[0]
        return ",".join(found) if all(isinstance(item, str) for item in found) else found

    def _found(self, name: str, terms: list[Any], options: Mapping[str, Any]) -> list[Any]:
        if name == "vars":
            return [self._variable(term, options) for term in terms]
        if name not in COMPUTING:
            raise LookupRefused(
                f"lookup({name!r}) is not given to a workshop: it would act on the rendering machine. "
                "Set the value among the location's variables"
            )
        from ansible.plugins.loader import lookup_loader  # noqa: PLC0415 - costs time, seldom needed

        plugin: Any = lookup_loader.get(name)  # type: ignore[no-untyped-call]
        return list(plugin.run(terms, variables={}, **options))

    def _variable(self, name: str, options: Mapping[str, Any]) -> Any:
        if name not in self._variables and "default" in options:
            return options["default"]
        if name not in self._variables:
            raise LookupRefused(f"{name!r} is undefined")
        return self._variables[name]
