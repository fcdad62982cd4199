"""What a workshop needs of the way in which it is delivered."""

from collections.abc import Collection

from wod_backend_agent.delivery.base import DeliveryFailed
from wod_backend_agent.manifest import MalformedManifest, Manifest, read_manifest
from wod_backend_agent.trees import Trees
from wod_common.capabilities import Capability, named

HOOKS = ("create", "post-copy", "cleanup", "reset")


def refuse_beyond(can: Collection[Capability], trees: Trees, workshop: str) -> None:
    """Raises DeliveryFailed, naming everything that is missing; a workshop without content passes."""
    content = trees.workshop(workshop)
    if content is None:
        return
    try:
        needed = of_manifest(read_manifest(content))
    except (MalformedManifest, OSError) as error:
        raise DeliveryFailed(f"{content.name}: {error}") from None
    if any(trees.hooks(kind, workshop) for kind in HOOKS):
        needed |= {Capability.HOOKS}
    if missing := needed - set(can):
        raise DeliveryFailed(
            f"{content.name} cannot be delivered here: this location's delivery lacks what it needs ({named(missing)}); "
            "move it to a location that delivers through Ansible"
        )


def of_manifest(manifest: Manifest) -> set[Capability]:
    asked = {
        Capability.VARPASS: manifest.shows_password,
        Capability.LDAP: manifest.ldap,
        Capability.COMPILE: bool(manifest.compile),
        Capability.APPLIANCE: manifest.has_appliance,
    }
    return {need for need, is_asked in asked.items() if is_asked}
