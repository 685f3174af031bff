"""Mutation of what judges.

uv run python -m bench.mutation modules [NAME ...]
    Each operator, condition, number and result in objectives, verdict and stream, otherwise: does a unit test notice?

uv run python -m bench.mutation suites BASE.jsonl
    Each judgement of each check, switched off: is its fault not noticed any more, or does a test of tests/suites fail?
    BASE.jsonl is what the calibration of the unchanged suites left with GONOGO_MATRIX.

uv run python -m bench.mutation again BASE.jsonl
    Those of the judgements only that survived the last time, or have come since.

It works on a copy of the tree. Survivors are printed, and written to docs/mutation.json with what they were.
"""

import ast
import hashlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.mutation.mutants import Change, judgements, mutated, turned
from gonogo.programs import EndlessProgramError, run_program
from gonogo.resources import ROOT

MODULES: Mapping[str, Sequence[str]] = {
    "objectives": ("tests/test_objectives.py", "tests/loadtest", "tests/rules"),
    "verdict": ("tests/test_verdict.py",),
    "stream": ("tests/test_stream.py", "tests/rules"),
}
"""Which tests must notice a mutant of a module."""
TESTS_OF_SUITES = "tests/suites"
KEPT = ROOT / "docs" / "mutation.json"
ALIKE = ROOT / "bench" / "mutation" / "alike.yaml"
"""Mutants that behave as the original does, each with the reason: no test can notice them."""
_TIMEOUT_S = 300.0
"""The tests of a module take 40 s; beside something else, several times that."""
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "runs", "history", ".hypothesis")
_MODULE_OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly")


@dataclass(frozen=True)
class Mutant:
    """A change of a file, and the checks that it may silence."""

    file: str
    change: Change
    checks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.change.line} {self.change.function}: {self.change.was}  ->  {self.change.text}"


@contextmanager
def copied_tree() -> Iterator[Path]:
    """A copy of the tree that may be spoilt."""
    with tempfile.TemporaryDirectory(prefix="gonogo-mutation-") as name:
        folder = Path(name) / "gonogo"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=_LEFT_OUT)
        yield folder


def run_pytest(folder: Path, *arguments: str, **environment: str) -> int:
    """Run pytest on the copy; its exit code, or 1 for one that does not end."""
    paths = os.pathsep.join(map(str, (folder / "src", folder)))
    given = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    limit_s = math.inf if environment else _TIMEOUT_S
    try:
        return run_program([sys.executable, "-m", "pytest", *arguments], limit_s, folder, given).exit_code
    except EndlessProgramError:
        return 1


@contextmanager
def applied(folder: Path, mutants: Sequence[Mutant]) -> Iterator[None]:
    """The copy with mutants in it."""
    files = {mutant.file: (folder / mutant.file).read_text(encoding="utf-8") for mutant in mutants}
    for file, text in files.items():
        changes = [mutant.change for mutant in mutants if mutant.file == file]
        (folder / file).write_text(mutated(text, changes), encoding="utf-8")
    try:
        yield
    finally:
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")


def survivors_of(module: str) -> tuple[int, list[Mutant]]:
    """How many mutants a module has, and those that its unit tests do not notice."""
    file = f"src/gonogo/{module}.py"
    mutants = [Mutant(file, change) for change in turned((ROOT / file).read_text(encoding="utf-8"))]
    halves = (mutants[::2], mutants[1::2])
    with ThreadPoolExecutor(len(halves)) as threads:
        left = list(threads.map(lambda half: list(_unnoticed(module, half)), halves))
    return len(mutants), sorted((mutant for half in left for mutant in half), key=lambda mutant: mutant.change.begin)


def _unnoticed(module: str, mutants: Sequence[Mutant]) -> Iterator[Mutant]:
    with copied_tree() as folder:
        if run_pytest(folder, *_MODULE_OPTIONS, *MODULES[module]):
            sys.exit(f"the tests of {module} fail without any mutant")
        for mutant in mutants:
            with applied(folder, [mutant]):
                if run_pytest(folder, *_MODULE_OPTIONS, *MODULES[module]) == 0:
                    print(f"  survives: {mutant}", flush=True)
                    yield mutant


def checks_of_suites() -> list[Mutant]:
    """A mutant for every judgement in suites/, with the checks that it may silence."""
    found = []
    for path in sorted((ROOT / "suites").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        users = _users(ast.parse(text))
        found += [
            Mutant(str(path.relative_to(ROOT)), change, tuple(sorted(users(change.function))))
            for change in judgements(text)
        ]
    return found


def _users(tree: ast.Module) -> Callable[[str], set[str]]:
    """By a function's name: the ids of the checks that use it, itself included."""
    bodies = {item.name: item for item in tree.body if isinstance(item, ast.FunctionDef | ast.ClassDef)}
    ids = {name: _check_id(item) for name, item in bodies.items()}
    names = {name: {n.id for n in ast.walk(item) if isinstance(n, ast.Name)} for name, item in bodies.items()}

    def users(function: str) -> set[str]:
        reached = {function.partition(".")[0]}
        while more := {name for name, used in names.items() if used & reached} - reached:
            reached |= more
        return {check for name in reached if (check := ids[name])}

    return users


def _check_id(item: ast.FunctionDef | ast.ClassDef) -> str:
    for mark in item.decorator_list:
        match mark:
            case ast.Call(func=ast.Name(id="check"), args=[ast.Constant(value=str(name)), *_]):
                return name
    return ""


def rounds_of(mutants: Sequence[Mutant]) -> list[list[Mutant]]:
    """Mutants that can be tried together: in one round each check is silenced by one at most."""
    rounds: list[list[Mutant]] = []
    for mutant in mutants:
        free = (one for one in rounds if not {check for other in one for check in other.checks} & {*mutant.checks})
        if (one := next(free, None)) is None:
            rounds.append(one := [])
        one.append(mutant)
    return rounds


def read_lines(file: Path) -> dict[str, Any]:
    """What a calibration left, by fault."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines()) if file.exists() else ()
    return {line["fault"]: line for line in lines}


def try_round(folder: Path, number: int, mutants: Sequence[Mutant], base: Mapping[str, Any]) -> dict[str, list[Mutant]]:
    """One round: mutants by what became of them."""
    from gonogo.faults.catalogue import all_faults  # noqa: PLC0415 (modules of the copy are read by its own processes)

    silenced = {check for mutant in mutants for check in mutant.checks}
    by_check: dict[str, list[str]] = {}
    for fault in all_faults().values():
        if fault.name in base and fault.primary in silenced:
            by_check.setdefault(fault.primary, []).append(fault.name)
    wanted = [name for names in by_check.values() for name in names]
    print(f"round {number}: {len(mutants)} judgements switched off, {len(wanted)} faults", flush=True)
    left = folder.parent / f"round-{number}.jsonl"
    chosen = " or ".join(wanted)
    with applied(folder, mutants):
        run_pytest(folder, "tests/calibration", "-n", "2", "-q", "-k", chosen, GONOGO_FAULTS="all",
                   GONOGO_MATRIX=str(left))  # fmt: skip
    now = read_lines(left)
    told: dict[str, list[Mutant]] = {"noticed": [], "survives": [], "no fault": []}
    for mutant in mutants:
        asked = [(check, name) for check in mutant.checks for name in by_check.get(check, ()) if name in now]
        quiet = any(check not in now[name]["failed"] for check, name in asked)
        told["noticed" if quiet else "survives" if asked else "no fault"].append(mutant)
    return told


def mutate_modules(names: Sequence[str]) -> None:
    """Print and keep what no unit test notices."""
    for name in names or MODULES:
        count, left = survivors_of(name)
        print(f"{name}: {count - len(left)} of {count} mutants are noticed")
        keep(name, count, left)


def mutate_suites(base: Mapping[str, Any], again: bool) -> None:
    """Print and keep what no fault and no test notices; if `again`, what was noticed the last time is not tried."""
    mutants = [(digest(without_line(mutant)), mutant) for mutant in checks_of_suites()]
    before = kept().get("suites", {})
    noticed = set(before.get("judgements", [])) - set(map(digest, before.get("survivors", [])))
    tried = [mutant for name, mutant in mutants if not again or name not in noticed]
    left: list[Mutant] = []
    with copied_tree() as folder:
        if run_pytest(folder, *_MODULE_OPTIONS, TESTS_OF_SUITES):
            sys.exit(f"{TESTS_OF_SUITES} fails without any mutant")
        unseen = [mutant for mutant in tried if not fails_a_test(folder, mutant)]  # a second each; faults take minutes
        for number, one in enumerate(rounds_of(unseen), 1):
            told = try_round(folder, number, one, base)
            for word in ("survives", "no fault"):
                for mutant in told[word]:
                    print(f"  {word}: {mutant}  {', '.join(mutant.checks)}", flush=True)
                left += told[word]
    print(f"suites: {len(mutants) - len(left)} of {len(mutants)} judgements are noticed missing")
    keep("suites", len(mutants), left, judgements=sorted(name for name, _ in mutants))


def fails_a_test(folder: Path, mutant: Mutant) -> bool:
    """Whether the tests of the checks themselves notice a judgement missing."""
    with applied(folder, [mutant]):
        return run_pytest(folder, *_MODULE_OPTIONS, TESTS_OF_SUITES) != 0


def kept() -> dict[str, Any]:
    """What the last runs found, by part."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def told(part: str) -> str:
    """The figures of a part as they are kept, for people."""
    found = kept()[part]
    alike = f", {len(found['alike'])} behave as the original does" if found["alike"] else ""
    survive = f", {len(found['survivors'])} survive" if found["survivors"] else ""
    return f"{part}: {found['noticed']} of {found['mutants']} are noticed{alike}{survive}"


def without_line(mutant: Mutant) -> str:
    """A mutant's text that stays the same while lines move."""
    return re.sub(r":\d+ ", " ", str(mutant), count=1)


def digest(text: str) -> str:
    """A short name of a mutant's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def keep(part: str, count: int, left: Sequence[Mutant], **more: object) -> None:
    """Write the result of a part into the kept file."""
    reasons = yaml.safe_load(ALIKE.read_text(encoding="utf-8"))
    alike = {text: reasons[text] for mutant in left if (text := without_line(mutant)) in reasons}
    survivors = [text for mutant in left if (text := without_line(mutant)) not in reasons]
    found = kept()
    found[part] = {"mutants": count, "noticed": count - len(left), "alike": alike, "survivors": survivors, **more}
    KEPT.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Do what is asked."""
    match arguments:
        case ["modules", *names]:
            mutate_modules(names)
        case ["suites" | "again" as how, file]:
            mutate_suites(read_lines(Path(file)), how == "again")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
