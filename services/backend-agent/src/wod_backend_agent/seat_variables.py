"""A seat's own variables in the private tree, which the operator's playbooks read as well: encrypted with Ansible Vault."""

# Ansible is not annotated
# mypy: disallow-untyped-calls=False

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, get_file_vault_secret, is_encrypted

from wod_backend_agent.delivery.base import DeliveryFailed

PASSWORD = "PASSSTU"  # noqa: S105 - a variable's name


class SeatVariables:
    """``folder`` holds ``variables_student<N>.yml``. What else an operator has put into such a file is kept in it.

    Calls take some hundredths of a second of a core, and raise DeliveryFailed.
    """

    def __init__(self, folder: Path, password_file: Path) -> None:
        self._folder = folder
        self._password_file = password_file

    def keep_password(self, student: int, password: str) -> None:
        path = self._path(student)
        self._write(path, self._read(path) | {PASSWORD: password})

    def forget_password(self, student: int) -> None:
        """A file without anything else in it is removed."""
        path = self._path(student)
        if not path.is_file() or not is_encrypted(path.read_bytes()):
            return
        known = self._read(path)
        if known.pop(PASSWORD, None) is None:
            return
        if known:
            self._write(path, known)
        else:
            path.unlink()

    def _path(self, student: int) -> Path:
        return self._folder / f"variables_student{student}.yml"

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise DeliveryFailed(f"{path} cannot be read: {error.strerror}") from None
        try:
            known = yaml.safe_load(self._vault().decrypt(content) if is_encrypted(content) else content)
        except (AnsibleError, yaml.YAMLError) as error:
            # neither says what stands in the file: it may be secret
            raise DeliveryFailed(
                f"{path} cannot be read ({type(error).__name__}): is it encrypted with another vault password, or more "
                f"than plain 'key: value' lines?"
            ) from None
        if not isinstance(known, dict | None):
            raise DeliveryFailed(f"{path} is not a list of variables; write one 'key: value' a line")
        return known or {}

    def _write(self, path: Path, variables: dict[str, Any]) -> None:
        text = self._vault().encrypt(yaml.safe_dump(variables, allow_unicode=True))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as new:
                new.write(text)
                new.flush()
                os.fsync(new.fileno())
            Path(new.name).replace(path)
        except OSError as error:
            raise DeliveryFailed(f"the password of the seat cannot be kept in {path}: {error.strerror}") from None

    def _vault(self) -> VaultLib:
        try:
            secret = get_file_vault_secret(filename=str(self._password_file), vault_id="default", loader=DataLoader())
            secret.load()
        except (AnsibleError, OSError) as error:
            raise DeliveryFailed(
                f"the vault password file {self._password_file} cannot be used ({type(error).__name__}): name one that is "
                f"there in ANSIBLE_VAULT_PASSWORD_FILE"
            ) from None
        return VaultLib([("default", secret)])
