"""Ansible module: ends a seat's processes and empties its home."""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.home import UnsafeHome, check_home, replace_home
from ansible.module_utils.seat_processes import StillRunning, end_processes


def main() -> None:
    module: Any = AnsibleModule(  # type: ignore[no-untyped-call]
        {
            "username": {"type": "str", "required": True},
            "homes": {"type": "path", "required": True},
            "home": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "uid": {"type": "int"},
        }
    )
    asked = module.params
    homes, home = Path(asked["homes"]), Path(asked["home"])
    try:
        check_home(homes, home)
        end_processes(asked["username"], home, asked["uid"])
        replace_home(homes, home, None, run=asked["run"], uid=asked["uid"])
    except (UnsafeHome, StillRunning, OSError) as error:
        module.fail_json(msg=f"cannot clean {asked['username']}: {error}")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
