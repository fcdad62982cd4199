"""A hub of Zero to JupyterHub whose students come from the platform; called in its ``hub.extraConfig``.

It needs this package and JupyterHub, and nothing else of the platform. Its storage is the pod's: a stopped server has
left nothing, so that a seat is clean when its pod is gone.
"""

import os
from collections.abc import Mapping

from traitlets.config import Config

from wod_jupyterhub.authenticator import AgentAuthenticator
from wod_jupyterhub.roles import AGENT, AGENT_ROLE, DELIVERING_ROLE, ROLES


def configure(c: Config, environment: Mapping[str, str] = os.environ) -> None:
    """``WOD_HUB_AGENT_URL``, ``_AGENT_TOKEN``, ``_SERVICE_TOKEN``, ``_SEATS``. Raises KeyError for one that is missing."""
    hub = c.JupyterHub
    hub.authenticator_class = AgentAuthenticator
    hub.load_roles = [*ROLES, AGENT_ROLE, DELIVERING_ROLE]
    hub.services = [{"name": AGENT, "api_token": environment["WOD_HUB_SERVICE_TOKEN"]}]
    if other := environment.get("WOD_HUB_SERVICE_TOKEN_OTHER"):
        hub.service_tokens = {other: AGENT}
    hub.allow_named_servers = False
    # told to stop, a server loses its storage: it outlives a restart of the hub
    hub.cleanup_servers = False
    hub.shutdown_on_logout = False
    seats = range(1, int(environment["WOD_HUB_SEATS"]) + 1)
    c.AgentAuthenticator.allowed_users = {f"student{number}" for number in seats}
    c.AgentAuthenticator.delivers_through_hub = True
    c.AgentAuthenticator.agent_url = environment["WOD_HUB_AGENT_URL"]
    c.AgentAuthenticator.agent_token = environment["WOD_HUB_AGENT_TOKEN"]
    c.KubeSpawner.storage_pvc_ensure = False
    c.KubeSpawner.default_url = "/lab"
    c.KubeSpawner.args = ["--ContentsManager.allow_hidden=True"]
    c.KubeSpawner.automount_service_account_token = False
