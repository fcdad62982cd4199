"""What is secret in an overlay's files, as Ansible reads them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.vault import EncryptedString

from wod_backend_agent.inventory import VAULT_MARK

#: Nobody has encrypted what is called so, and all the same it is not to be shown.
_SECRET_NAME = re.compile(r"pass|secret|token|private_?key|api_?key|credential", re.I)


def secrets_in(files: Iterable[str], loader: Any) -> Iterator[str]:
    """``loader`` is that of the run: it has the vault's password. A file that it cannot read holds nothing that was shown."""
    for path in map(Path, files):
        data = path.read_bytes() if path.is_file() else b""
        is_vault = data.startswith(VAULT_MARK)
        if VAULT_MARK not in data and not _SECRET_NAME.search(data.decode("utf-8", "replace")):
            continue
        try:
            yield from _texts(loader.load_from_file(str(path)), every=is_vault)
        except AnsibleError:
            continue


def _texts(value: Any, *, every: bool) -> Iterator[str]:
    """The texts in a file's values: every one of a file that is encrypted as a whole, or under a name that says so."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(item, every=every or _SECRET_NAME.search(str(name)) is not None)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, every=every)
    elif isinstance(value, EncryptedString) or (every and isinstance(value, str | int)):
        text = str(value)
        yield from (text, *text.splitlines())
