"""Ansible's variables for what is not Ansible's."""

from collections.abc import Iterator, Mapping
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
            return _Hosts(self, self._values["inventory_hostname"], self._templar, self._values["hostvars"])
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


class _Hosts(Mapping[str, Any]):
    """The inventory's hosts. Of the run's own also what the seat has, of the others what the inventory says."""

    def __init__(self, own: PlaybookVariables, name: str, templar: Any, others: Mapping[str, Any]) -> None:
        self._own = own
        self._name = name
        self._templar = templar
        self._others = others

    def __getitem__(self, host: str) -> PlaybookVariables:
        if host == self._name:
            return self._own
        if host not in self._others:
            raise KeyError(host)
        return PlaybookVariables(self._templar, self._others[host])

    def __contains__(self, host: object) -> bool:
        return host == self._name or host in self._others

    def __iter__(self) -> Iterator[str]:
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)
