"""Hooks that the gate calls."""

from pathlib import Path

import pytest


@pytest.hookspec(firstresult=True)
def pytest_gonogo_demo_target(config: pytest.Config) -> Path | None:
    """Start a deployment to demonstrate the gate on, and return its target file.

    Called when no --target is given. The implementer sets the environment that the target file refers to, and uses
    ``config.add_cleanup`` to stop what it started.
    """
