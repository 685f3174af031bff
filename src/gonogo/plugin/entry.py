"""What pytest loads first, in every run of it: the options, and whether it has to be called anew.

The rest of the plugin, with all that it imports, is loaded once that is settled: it takes most of a start, and a call
may start twice before it begins.
"""

import gc
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest

from gonogo.plugin.options import add_options, join_path_options
from gonogo.plugin.places import collect_by_default


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the gate's options."""
    join_path_options()
    add_options(parser)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Know what to collect, and load the other hooks, before any conftest.py is read and output is captured."""
    collect_by_default(early_config)
    with _nothing_collected():
        early_config.pluginmanager.register(import_module("gonogo.plugin.hooks"), "gonogo-hooks")
    return (yield)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What is imported here stays to the end: the collector need not walk it, now or later (a sixth of a short run)."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
