"""Turns a script into a program, so that the answers in it are not read at a glance. It needs shc and a C compiler.

Its text is no secret from somebody who means to have it: the program hands it to its interpreter.
"""

import subprocess
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

#: A compilation takes some tenths of a second.
LIMIT_SECONDS = 60.0
SHOWN_CHARACTERS = 1_000


class CannotCompile(Exception):
    """Names the script and what to mend."""


def compiled(name: str, script: bytes, folder: Path) -> bytes:
    """The program; ``folder`` is private to this run, and nothing of the script stays in it. Raises CannotCompile."""
    if not script.startswith(b"#!"):
        raise CannotCompile(f"{name} cannot be compiled: its first line must name its interpreter, such as #!/bin/bash")
    shc = which("shc")
    if shc is None:
        raise CannotCompile(f"{name} cannot be compiled: install shc and a C compiler beside the agent")
    with TemporaryDirectory(dir=folder) as private:
        source, program = Path(private, "script"), Path(private, "program")
        source.touch(0o600)
        source.write_bytes(script)
        try:
            # -r: the program must run where the seats are, which may be another machine
            command = [shc, "-r", "-f", str(source), "-o", str(program)]
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_SECONDS, check=True)
            return program.read_bytes()
        except subprocess.TimeoutExpired:
            raise CannotCompile(f"{name} cannot be compiled: shc took more than {LIMIT_SECONDS:.0f} s") from None
        except (subprocess.CalledProcessError, OSError) as error:
            said = getattr(error, "stderr", b"").decode("utf-8", "replace").strip()[-SHOWN_CHARACTERS:]
            raise CannotCompile(
                f"{name} cannot be compiled; is a C compiler beside the agent? shc says: {said}"
            ) from None
