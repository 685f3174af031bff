"""The agent's tools. What may not be written is refused here, by the tool, whatever a prompt or a policy says."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from embedded.agent.store import Store
from embedded.switchboard import Switchboard

_TIMEOUT_S = 20.0
_GIT_READS = {
    "log": ("-1", "--oneline", "--format=%H"),
    "status": ("--porcelain", "--short"),
    "rev-parse": ("HEAD",),
    "for-each-ref": (),
    "diff": ("--stat",),
}
"""By command, the options that it may have: some of the others write (``log --output=FILE``) or start programs."""
_KUBECTL_READS = ("get", "describe")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_SETTING = re.compile(r"[a-z][a-z0-9._-]{0,63}")


class Refused(Exception):  # noqa: N818 (an answer, not an error)
    """The tool does not do this."""


class Failed(Exception):  # noqa: N818 (an answer, not an error)
    """The tool tried, and it went wrong."""


class Tools:
    """What the agent can do, by the tool's name; each takes words and gives a text."""

    def __init__(self, workspace: Path, store: Store, board: Switchboard) -> None:
        self._workspace, self._store, self._board = workspace, store, board
        self.by_name: dict[str, Callable[[Sequence[str]], str]] = {
            "git": self._git,
            "kubectl": self._kubectl,
            "tests": self._tests,
            "settings": self._settings,
        }

    def run(self, tool: str, words: Sequence[str]) -> str:
        """What a tool says.

        Raises:
            Refused: it does not do that.
            Failed: it tried.
        """
        try:
            return self.by_name[tool.lower()](words)
        except Refused:
            if tool == "git" and self._board.on("tool-says-refused"):
                with suppress(Failed):
                    self._ran(["git", *words])
            raise

    def _git(self, words: Sequence[str]) -> str:
        if self._board.on("git-broken"):
            raise Failed("fatal: not a git repository")
        command = words[0] if words else ""
        if not self._board.on("git-writes"):
            if command not in _GIT_READS:
                raise Refused(f"git is read-only here: {command or 'no command'} is not one of {', '.join(_GIT_READS)}")
            odd = [word for word in words[1:] if word not in _GIT_READS[command]]
            if odd and not self._board.on("git-options"):
                raise Refused(f"git {command} does not take {odd[0]!r} here")
        return self._ran(["git", *words])

    def _kubectl(self, words: Sequence[str]) -> str:
        """A cluster on paper: a file for each object, ``KIND-NAME.yaml``."""
        objects = self._workspace / "objects"
        command, *names = words or ("",)
        if command in _KUBECTL_READS:
            found = sorted(file for file in objects.glob("*.yaml") if not names or file.name.startswith(f"{names[0]}-"))
            return "\n".join(file.read_text() if command == "describe" else file.stem for file in found)
        if not self._board.on("kubectl-writes"):
            raise Refused(f"kubectl is read-only here: {command or 'no command'}")
        match words:
            case ["create", kind, name]:
                (objects / f"{Path(kind).name}-{Path(name).name}.yaml").write_text(f"kind: {kind}\nname: {name}\n")
            case ["delete", kind, name]:
                (objects / f"{Path(kind).name}-{Path(name).name}.yaml").unlink(missing_ok=True)
            case _:
                raise Failed(f"error: unknown command {command!r}")
        return "done"

    def _tests(self, words: Sequence[str]) -> str:
        """Run some of the workspace's tests, in a copy that is thrown away: tests may write what they like there."""
        if odd := [word for word in words if not _NAME.fullmatch(word)]:
            raise Refused(f"{odd[0]!r} is not the name of a test")
        if self._board.on("tests-in-place"):
            return self._ran([sys.executable, "-m", "unittest", *words])
        with tempfile.TemporaryDirectory(prefix="embedded-agent-") as folder:
            copy = Path(folder) / "workspace"
            shutil.copytree(self._workspace, copy)
            return self._ran([sys.executable, "-m", "unittest", *words], copy)

    def _settings(self, words: Sequence[str]) -> str:
        """Settings of the agent's own: ``get NAME``, ``note NAME TEXT``, ``set NAME TEXT``, ``drop NAME``."""
        match words:
            case ["get", name]:
                return self._store.setting(name)
            case ["note" | "set", name, text] if _SETTING.fullmatch(name):
                self._store.set_setting(name, text[:200])
                return f"{name} is {text[:200]}"
            case ["drop", name]:
                self._store.set_setting(name, "")
                return f"{name} is gone"
            case _:
                raise Refused("settings: get NAME, note NAME TEXT, set NAME TEXT or drop NAME")

    def _ran(self, words: list[str], folder: Path | None = None) -> str:
        try:
            done = subprocess.run(
                words, cwd=folder or self._workspace, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (subprocess.TimeoutExpired, FileNotFoundError) as error:
            raise Failed(str(error)) from error
        if done.returncode != 0:
            raise Failed((done.stderr or done.stdout)[-2000:])
        return (done.stdout or done.stderr)[-20_000:]


def make_workspace(folder: Path) -> None:
    """A repository with a commit, tests and objects of a cluster, for the tools to look at."""
    if folder.exists():
        return
    (folder / "objects").mkdir(parents=True)
    for name in ("chatbot", "gateway"):
        (folder / "objects" / f"pods-{name}.yaml").write_text(f"kind: Pod\nname: {name}\nphase: Running\n")
    (folder / "checks.py").write_text(
        "import pathlib\nimport time\nimport unittest\n\n\nclass Answers(unittest.TestCase):\n"
        "    def test_greeting(self):\n        self.assertTrue('Hola'.isalpha())\n\n"
        "    def test_leaves_a_file(self):\n        pathlib.Path(f'left-{time.time_ns()}').touch()\n"
    )
    identity = ["-c", "user.name=embedded", "-c", "user.email=embedded@localhost", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "The workspace"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
