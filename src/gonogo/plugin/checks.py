"""The `check` decorator: what makes a test function a check."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import pytest

from gonogo.documents import Problems
from gonogo.errors import InconclusiveError, InWarningBand, NotDeclared, StarvedError, Unsupported
from gonogo.model import SUITES, CheckInfo, Outcome, Permission, Severity
from gonogo.objectives import Decided
from gonogo.targets.endpoints import ChatModel
from gonogo.texts import first

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Flaw = TypeVar("_Flaw")
_ID = re.compile(r"[a-z]+(\.[a-z0-9_]+){2}")
MARK = "check"
MAX_LISTED = 20
"""Problems in a reason; all of them are in the findings."""


def check(  # noqa: PLR0913 (what a check declares)
    check_id: str,
    *,
    severity: str,
    covers: Sequence[str],
    permission: str = "live",
    smoke: bool = False,
    exclusive: bool = False,
    watch: bool = False,
) -> Callable[[_Function], _Function]:
    """Make a test function a check.

    Args:
        check_id: ``suite.subject.property``.
        severity: ``critical``, ``major`` or ``minor``.
        covers: rows of the runbook (`fixtures/rows.yaml`).
        permission: ``static``, ``live`` or ``disruptive``.
        smoke: part of the short stages.
        exclusive: sensitive to other traffic; disruptive checks always are.
        watch: about a deployment that is watched for a day or two; part of the stage ``watch`` only.

    Raises:
        ValueError, TypeError: the declaration is not valid, or the function has no docstring.
    """
    if not _ID.fullmatch(check_id) or check_id.partition(".")[0] not in SUITES:
        raise ValueError(f"{check_id!r} is not a check id: suite.subject.property, suite one of {', '.join(SUITES)}")
    may = Permission(permission)

    def decorate(function: _Function) -> _Function:
        if not function.__doc__:
            raise TypeError(f"{check_id}: a check needs a docstring; its first line is the report's title")
        info = CheckInfo(
            check_id=check_id,
            title=function.__doc__.strip().splitlines()[0].rstrip("."),
            severity=Severity(severity),
            permission=may,
            covers=tuple(covers),
            smoke=smoke,
            exclusive=exclusive or may is Permission.DISRUPTIVE,
            watch=watch,
        )
        marks = [getattr(pytest.mark, MARK)(info), getattr(pytest.mark, info.suite), getattr(pytest.mark, may.value)]
        for mark in [*marks, pytest.mark.smoke] if smoke else marks:
            function = mark(function)
        return function

    return decorate


class ProblemsFoundError(AssertionError):
    """A rule over files is violated; `problems` says where, all of it."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(_listed(problems))
        self.problems = problems


class ProblemsSuspected(InWarningBand):
    """A rule over files holds, but something is worth a warning; `problems` says where."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(_listed(problems))
        self.problems = problems


def expect_none(problems: Problems) -> None:
    """End a check by what a rule over files found: pass without problems, warn if all are warnings, else fail.

    Raises:
        ProblemsFoundError, ProblemsSuspected: it fails, or warns.
    """
    if any(not problem.warning for problem in problems):
        raise ProblemsFoundError(problems)
    if problems:
        raise ProblemsSuspected(problems)


def _listed(problems: Problems) -> str:
    """The problems as compilers print them, errors first."""
    lines = [str(problem) for problem in sorted(problems, key=lambda problem: problem.warning)]
    return "\n".join(first(lines, MAX_LISTED))


class FlawsFoundError(AssertionError):
    """An answer is wrong in one or several ways; each flaw is judged for itself against the known deviations."""

    def __init__(self, flaws: Sequence[str]) -> None:
        super().__init__("\n".join(first(flaws, MAX_LISTED)))
        self.flaws = tuple(flaws)


def flaws_of(looks: Iterable[Sequence[_Flaw]]) -> list[_Flaw]:
    """What several looks have found, taken one after the other: it stays found where another one decides nothing.

    A `map` goes on with the next look after one that could not be had; a generator that raised is at its end.

    Raises:
        InconclusiveError, StarvedError: nothing was found, or warnings only, and one of them could not look.
    """
    flaws, unknown, left = list[_Flaw](), list[Exception](), iter(looks)
    while True:
        try:
            flaws += next(left)
        except StopIteration:
            break
        except (InconclusiveError, StarvedError) as error:
            unknown.append(error)
    if unknown and all(getattr(flaw, "warning", False) for flaw in flaws):
        raise unknown[0]
    return flaws


def expect_flawless(flaws: Sequence[str]) -> None:
    """End a check by what is wrong with an answer: pass if nothing is.

    Raises:
        FlawsFoundError: something is.
    """
    if flaws:
        raise FlawsFoundError(flaws)


REFUSALS = frozenset({400, 404, 405, 413, 415, 422, 501})
"""How a server says that it does not do this: not that the key is wrong (401, 403) or that it is busy (429, 503)."""


def expect_kept(feature: str, model: ChatModel, status: int, flaws: Sequence[str]) -> None:
    """End a check of a feature: promised, it must work; not promised, it must be refused, and never be ignored.

    Args:
        feature: its name in ``fixtures/profiles.yaml``.
        model: the model that was asked for it.
        status: the answer's HTTP status.
        flaws: what is wrong with the answer, were the feature there.

    Raises:
        FlawsFoundError: promised and missing, or not promised and silently ignored.
        NotDeclared: not promised, and refused.
    """
    if feature in model.promises:
        expect_flawless([f"{feature} is promised and was answered with HTTP {status}"] if status != 200 else flaws)
    elif status in REFUSALS:
        raise NotDeclared(f"{model.name} does not promise {feature}, and refuses it with HTTP {status}")
    elif status != 200:
        expect_flawless([f"{feature} is not promised: HTTP {status} is no refusal"])
    elif flaws:
        expect_flawless([f"{feature} is not promised, and was taken and ignored: {flaw}" for flaw in flaws])


def settle(decided: Decided) -> None:
    """End a check as the statistics decided: return for a pass, else raise what stands for the outcome.

    Raises:
        AssertionError, InWarningBand, InconclusiveError, Unsupported: it fails, warns, could not be decided, or the
            run is too short for it.
    """
    match decided.outcome:
        case Outcome.FAIL:
            raise AssertionError(decided.text)
        case Outcome.WARN:
            raise InWarningBand(decided.text)
        case Outcome.INCONCLUSIVE:
            raise InconclusiveError(decided.text)
        case Outcome.SKIP:
            raise Unsupported(decided.text)


def info_of(item: pytest.Item) -> CheckInfo | None:
    """What an item's check declares; None for an ordinary test."""
    mark = item.get_closest_marker(MARK)
    return cast("CheckInfo", mark.args[0]) if mark is not None else None


def marker_lines() -> list[str]:
    """The markers to register: one for each suite, permission and `smoke`."""
    lines = [f"{suite}: checks of the suite {suite}" for suite in SUITES]
    lines += [f"{permission.value}: checks that need the permission {permission.value}" for permission in Permission]
    return [*lines, "smoke: checks of the short stages", f"{MARK}(info): what makes a test a check (use the decorator)"]
