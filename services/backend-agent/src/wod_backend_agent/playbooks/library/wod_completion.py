"""Ansible module: how much of a workshop a student has run."""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.completion import completion


def main() -> None:
    arguments = {"home": {"type": "path", "required": True}, "workshop": {"type": "str", "required": True}}
    module: Any = AnsibleModule(arguments)  # type: ignore[no-untyped-call]
    module.exit_json(changed=False, completion=completion(Path(module.params["home"]), module.params["workshop"]))


if __name__ == "__main__":
    main()
