"""What a location's way to deliver can do, and a workshop may need."""

from collections.abc import Iterable
from enum import StrEnum


class Capability(StrEnum):
    #: the notebooks show the seat's password
    VARPASS = "varpass"
    #: the seat is an account of a directory
    LDAP = "ldap"
    #: scripts are delivered as programs
    COMPILE = "compile"
    #: the workshop's own programs run around its commands
    HOOKS = "hooks"
    #: machines of the workshop's own, by the location's variables
    APPLIANCE = "appliance"
    #: a seat's files stay while nobody is in it: only such seats can be made ahead
    KEPT_HOME = "kept-home"


#: Where each need of a workshop comes from, as an author knows it.
CAUSES = {
    Capability.VARPASS: "varpass in wod.yml",
    Capability.LDAP: "ldap in wod.yml",
    Capability.COMPILE: "compile in wod.yml",
    Capability.HOOKS: "hooks in scripts/",
    Capability.APPLIANCE: "an appliance in wod.yml",
}


def named(needs: Iterable[Capability]) -> str:
    return ", ".join(CAUSES.get(need, str(need)) for need in sorted(needs))
