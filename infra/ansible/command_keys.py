"""``python command_keys.py PRIVATE_KEY...``: the public halves as the file that gates read; a key that is not there is none."""

import json
import sys
from pathlib import Path

from wod_common.tokens import CommandSigner


def public_keys(files: list[Path]) -> dict[str, list[dict[str, str]]]:
    found = [CommandSigner.from_pem(path.read_text()).jwks()["keys"] for path in files if path.is_file()]
    return {"keys": [key for keys in found for key in keys]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(public_keys([Path(name) for name in sys.argv[1:]]), indent=2) + "\n")
