"""The rules of the house that no other linter knows. Prints ``file:line: rule``; exit code 1 when there is any."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50
#: Says, on the line of the sleep or of its function, that it waits between two looks at a condition with a deadline.
POLL_MARK = "# poll:"
TEXT_LIMIT = 2_000_000  # bytes; a larger file is data

#: Put together from parts, so that this file passes its own check.
_PRIVATE = re.compile(r"(?<![\w.$}*-])/(?:wo" r"rk|ro" r"ot|ho" r"me)/[\w.-]+")
_REGISTRY = re.compile(r"(?:files\.python" r"hosted|(?:test\.)?py" r"pi|registry\.np" r"mjs)\.org", re.IGNORECASE)
#: The home of a student is where the original puts it, and part of what is told to authors.
_PUBLIC = re.compile(r"/ho" r"me/(?:student|jupyter|\$|<|\{)")
_REASON = re.compile(r"#\s*noqa: BLE001 - \S")


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


Rule = Callable[[str, str, ast.Module], Iterator[Finding]]


def is_listing(path: str) -> bool:
    """A migration is a list of what was, as long as the schema it makes."""
    return "migrations" in Path(path).parts


def is_test(path: str) -> bool:
    return "tests" in Path(path).parts


def addresses(path: str, text: str) -> Iterator[Finding]:
    """No path of somebody's machine and no package registry: neither is there for the next person."""
    for number, line in enumerate(text.splitlines(), 1):
        if _PRIVATE.search(_PUBLIC.sub("", line)):
            yield Finding(path, number, "names a path of a private machine; use a relative path or a setting")
        if _REGISTRY.search(line):
            yield Finding(path, number, "names a package registry's host; the installer's own configuration knows it")


def sleeps(path: str, text: str, tree: ast.Module) -> Iterator[Finding]:
    lines = text.splitlines()
    if not is_test(path):
        return
    for node, function in _calls(tree):
        name = ast.unparse(node.func)
        marked = any(POLL_MARK in lines[number - 1] for number in (node.lineno, function))
        if name in {"time.sleep", "asyncio.sleep", "sleep", "anyio.sleep"} and not marked:
            yield Finding(path, node.lineno, f"a test waits for a condition, not for time ({POLL_MARK} marks a poll)")


def sizes(path: str, text: str, tree: ast.Module) -> Iterator[Finding]:
    if is_listing(path):
        return
    count = len(text.splitlines())
    if count > FILE_LINES:
        yield Finding(path, count, f"{count} lines, above {FILE_LINES}: look for the second story in it")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield Finding(path, node.lineno, f"{node.name} has {length} lines, above {FUNCTION_LINES}")


def catch_alls(path: str, text: str, tree: ast.Module) -> Iterator[Finding]:
    lines = text.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler) or _REASON.search(lines[node.lineno - 1]):
            continue
        caught = "everything" if node.type is None else ast.unparse(node.type)
        if caught in {"everything", "Exception", "BaseException"}:
            yield Finding(path, node.lineno, f"catches {caught} without a reason: '# noqa: BLE001 - why' beside it")


def _calls(tree: ast.AST, function: int = 1) -> Iterator[tuple[ast.Call, int]]:
    """Every call, with the line where its function begins."""
    for node in ast.iter_child_nodes(tree):
        inside = node.lineno if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Call):
            yield node, inside
        yield from _calls(node, inside)


RULES: tuple[Rule, ...] = (sleeps, sizes, catch_alls)


def check(path: str, text: str) -> Iterator[Finding]:
    yield from addresses(path, text)
    if path.endswith(".py"):
        tree = ast.parse(text, path)
        for rule in RULES:
            yield from rule(path, text, tree)


def tracked_files(root: Path) -> list[Path]:
    """What git tracks or would take; without git, what lies there."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git of the PATH
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listing.returncode == 0:
        return [root / name for name in sorted(set(listing.stdout.split("\0"))) if name]
    skipped = {".venv", "var", ".git", "__pycache__"}
    return [path for path in sorted(root.rglob("*")) if not skipped & set(path.parts)]


def findings(root: Path) -> Iterator[Finding]:
    for path in tracked_files(root):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < TEXT_LIMIT:
            content = path.read_bytes()
            if b"\0" not in content:
                yield from check(str(path.relative_to(root)), content.decode("utf-8", "replace"))


def main() -> int:
    found = list(findings(Path(__file__).resolve().parents[2]))
    sys.stdout.writelines(f"{finding}\n" for finding in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
