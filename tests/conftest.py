"""The project's own tests: every warning is an error here (a gate run leaves warnings to the user)."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Be strict with ourselves."""
    config.addinivalue_line("filterwarnings", "error")
