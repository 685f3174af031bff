"""``--verify verdict.json``: is this verdict about the deployment as it is now?"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from gonogo.documents import DocumentError
from gonogo.model import GOES
from gonogo.targets.binding import bind
from gonogo.targets.loader import load_target


def verify(config: pytest.Config) -> int:
    """Compare a verdict with the target as it is now and say what differs; 0 if it may be relied on, else 1.

    Raises:
        pytest.UsageError: the verdict or the target cannot be read, or no target is named.
    """
    option = config.option
    if not option.target:
        raise pytest.UsageError("--verify needs --target=FILE: the deployment that the verdict should be about")
    folder = config.invocation_params.dir
    try:
        verdict = json.loads((folder / option.verify).read_text(encoding="utf-8"))
        target = load_target(folder / option.target, datetime.now(UTC).date())
        problems = differences(verdict, asdict(bind(target)), datetime.now(UTC), option.stage or "gate")
    except DocumentError as error:
        raise pytest.UsageError(f"the target file is not usable:\n{error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise pytest.UsageError(f"--verify: {option.verify} is not a readable verdict.json: {error!r}") from error
    for line in problems or [f"{verdict['decision']} for {target.name}, valid until {verdict['valid_until']}"]:
        print(f"gonogo: {line}")
    return 1 if problems else 0


def differences(verdict: dict[str, Any], now: dict[str, Any], moment: datetime, stage: str) -> list[str]:
    """Why a verdict cannot be relied on for a deployment; empty if it can."""
    problems = []
    if verdict["demo"]:
        problems.append("this is a DEMO verdict: it can promote nothing")
    if verdict["fault"]:
        problems.append(f"the fault {verdict['fault']} was switched on: it can promote nothing")
    if verdict["stage"] != stage:
        problems.append(f"the verdict is of the stage {verdict['stage']}, not {stage} (--stage says which is enough)")
    if verdict["decision"] not in GOES:
        problems.append(f"the verdict is {verdict['decision']}")
    if moment > datetime.fromisoformat(verdict["valid_until"]):
        problems.append(f"the verdict was valid until {verdict['valid_until']}: run the gate again")
    for name, value in now.items():
        judged = verdict["binding"].get(name)
        if judged != value:
            problems.append(f"{name.replace('_', ' ')} differs: judged {judged}, now {value}")
    return problems
