"""Ansible's variables for what is not Ansible's."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from ansible.errors import AnsibleError

from wod_backend_agent.appliance import SeatPlace
from wod_backend_agent.rendering import UnresolvedVariable


def seat_place(variables: Mapping[str, Any]) -> SeatPlace:
    return SeatPlace(**variables["wod_seat"]["place"])


class PlaybookVariables(Mapping[str, Any]):
    """Ansible's variables, each resolved when it is asked for."""

    def __init__(self, templar: Any, values: Mapping[str, Any]) -> None:
        self._templar = templar
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name == "hostvars":
            return MappingProxyType({self._values["inventory_hostname"]: self})
        try:
            return self._templar.template(self._values[name])
        except AnsibleError as error:
            raise UnresolvedVariable(f"the value of {name} cannot be had: {error}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
