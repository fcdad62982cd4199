"""Ansible module: a seat's home, fresh, out of an archive."""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.home import UnsafeHome, replace_home


def main() -> None:
    module: Any = AnsibleModule(  # type: ignore[no-untyped-call]
        {
            "homes": {"type": "path", "required": True},
            "home": {"type": "path", "required": True},
            "archive": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "uid": {"type": "int"},
        }
    )
    asked = module.params
    try:
        replace_home(
            Path(asked["homes"]), Path(asked["home"]), Path(asked["archive"]), run=asked["run"], uid=asked["uid"]
        )
    except (UnsafeHome, OSError) as error:
        module.fail_json(msg=f"cannot make the home {asked['home']}: {error}")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
