"""JupyterHub's configuration: everything comes from the environment, see ``wod_jupyterhub.settings``."""

from wod_jupyterhub.configuration import configure
from wod_jupyterhub.settings import HubSettings

configure(get_config(), HubSettings())  # type: ignore[name-defined]  # noqa: F821 - JupyterHub puts it here
