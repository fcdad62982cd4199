"""What the hub is told by its environment, with the prefix ``WOD_HUB_``."""

from pathlib import Path
from typing import Literal, Self

import psutil
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from wod_common.rotation import OtherSecret
from wod_common.settings import ServiceSettings
from wod_jupyterhub.limits import MIB

MIN_SECRET = 16  # characters; shorter tokens can be guessed


class HubSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="WOD_HUB_", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    """Where the port that people need is bound; in a container that is every address of its own."""
    port: int
    """The only port people need; the two below are for the hub's own processes and bind to 127.0.0.1."""
    internal_port: int
    proxy_api_port: int
    url: str
    """How a browser reaches the hub, as in the mails."""
    subdomains: bool = False
    """Each lab at a name of its own, ``studentN.<host of url>``, so that browsers keep what seats serve apart. Those names
    lead to the hub's port, and its certificate is for them too."""
    state: Path
    """Database, cookie secret, pid of the proxy, the seats' server logs. Mode 0700."""
    homes: Path
    """Holds one folder ``studentN`` a seat; the agent makes and wipes them, with delivery ``hub`` the spawner."""
    seats: int = Field(ge=1)
    uid_base: int | None = Field(default=None, ge=1000)
    """Seat N's processes run as uid and gid ``uid_base + N``. Needs root. Without it seats share the hub's account."""
    accounts: Literal["folders", "linux"] = "folders"
    """``linux``: seats are Linux accounts; PAM is asked as well as the agent, and servers run as the account. Needs root."""
    pam_service: str = Field(default="login", pattern=r"^[A-Za-z0-9_.-]+$")
    """With ``linux``: the file in /etc/pam.d that says who may sign in."""
    agent_url: str
    agent_token: SecretStr = Field(min_length=MIN_SECRET)
    """The hub's token at the agent."""
    service_token: SecretStr = Field(min_length=MIN_SECRET)
    """The agent's token at the hub."""
    service_token_other: OtherSecret = None
    """Taken beside it while the two are exchanged."""
    limit_processes: int = Field(default=512, ge=64)
    """Processes and threads a seat may have; only where seats have a uid each, else it would count all seats."""
    limit_cpu: int = Field(default=0, ge=0)
    """Percent of one processor that a seat's processes may take together; 0 leaves them alone. Needs cgroup v2, and a systemd
    unit with ``Delegate=cpu``: elsewhere the hub says in its log that they are not bounded."""
    limit_memory: int = Field(default_factory=lambda: max(1024, psutil.virtual_memory().total // MIB // 4), ge=512)
    """MiB that one process of a seat may write to, and that all of them may take together; a quarter of the machine's."""
    limit_disk: int = Field(default=4096, ge=16)
    """MiB of a seat's files, in its home and wherever else anybody may write; of one file as well."""
    limit_files: int = Field(default=200_000, ge=1000)
    """Files and folders of a seat."""
    limit_seconds: int = Field(default=5, ge=1)
    """Between two measurements of a seat: what is above a limit meanwhile has this long. One that takes long comes less often."""
    delivery: Literal["ansible", "hub"] = "ansible"
    """As the agent's ``WOD_AGENT_DELIVERY``: with ``hub`` a stopped server's storage is wiped, and students cannot stop it."""

    @model_validator(mode="after")
    def _accounts_need_the_disk(self) -> Self:
        if self.delivery == "hub" and self.accounts == "linux":
            raise ValueError("WOD_HUB_DELIVERY hub has no Linux accounts; leave WOD_HUB_ACCOUNTS at folders")
        return self

    @model_validator(mode="after")
    def _one_name_for_deliveries(self) -> Self:
        if self.delivery == "hub" and self.subdomains:
            raise ValueError("WOD_HUB_SUBDOMAINS: the agent delivers through one name; leave it out with delivery hub")
        return self
