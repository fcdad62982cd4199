import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hosts_kit import ALL, ANSIBLE, DISTRIBUTIONS, LIBRARY, PLAY, VARIABLES, ansible, facts, inventory


@pytest.fixture(scope="session")
def rendering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which it was done; the secrets are beside the inventory."""
    folder = tmp_path_factory.mktemp("rendered")
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory()))
    (folder / "play.yml").write_text(PLAY)
    (folder / "all.j2").write_text(ALL)
    roles = ANSIBLE / "roles"
    said = {
        "given": {name: facts(*known) for name, known in DISTRIBUTIONS.items()},
        "target": str(folder),
        "wod_source": str(ANSIBLE.parents[1]),
        "role_defaults": [str(path) for path in roles.glob("*/defaults/main.yml") if path.parts[-3] != "wod"],
        "role_templates": [str(path) for path in roles.glob("*/templates/*") if path.name != "environment.j2"],
        "environment_template": str(roles / "service/templates/environment.j2"),
        "role_variables": VARIABLES,
    }
    arguments = ["--inventory", str(folder / "inventory.yml"), "--extra-vars", json.dumps(said)]
    done = ansible(*arguments, str(folder / "play.yml"), folder=folder, ANSIBLE_LIBRARY=str(LIBRARY))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def rendered(rendering: Path) -> dict[str, dict[str, Any]]:
    """By distribution the text of each template by its name, each service's environment, and variables."""
    return {name: json.loads((rendering / f"{name}.json").read_text()) for name in DISTRIBUTIONS}
