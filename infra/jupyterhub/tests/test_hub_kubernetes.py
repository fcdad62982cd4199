import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from wod_jupyterhub.kubernetes import configure
from wod_jupyterhub.roles import AGENT

GIVEN = {
    "WOD_HUB_AGENT_URL": "http://wod-agent:8030",
    "WOD_HUB_AGENT_TOKEN": "what the hub presents",
    "WOD_HUB_SERVICE_TOKEN": "what the agent presents",
    "WOD_HUB_SEATS": "3",
}


def test_a_hub_on_kubernetes_has_our_seats_and_students_can_mint_nothing() -> None:
    config = Config()
    configure(config, GIVEN | {"WOD_HUB_SERVICE_TOKEN_OTHER": "the other one"})
    assert config.AgentAuthenticator.allowed_users == {"student1", "student2", "student3"}
    assert config.JupyterHub.service_tokens == {"the other one": AGENT}
    assert config.KubeSpawner.storage_pvc_ensure is False
    scopes = {scope for role in config.JupyterHub.load_roles if role["name"] == "user" for scope in role["scopes"]}
    assert not {"self", "tokens", "admin:users"} & scopes
    known = set(JupyterHub.class_traits())
    assert set(config.JupyterHub) <= known


def test_a_missing_setting_keeps_the_hub_from_starting() -> None:
    with pytest.raises(KeyError, match="WOD_HUB_AGENT_TOKEN"):
        configure(Config(), {name: value for name, value in GIVEN.items() if name != "WOD_HUB_AGENT_TOKEN"})
