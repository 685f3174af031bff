"""The collector never runs inside of an allocation: finalizers that set context variables do no harm."""

import sys

from gonogo.programs import Completed, run_program
from gonogo.resources import ROOT

PROGRAM = """
import contextvars, time
from embedded.collector import collect_between_instructions

collect_between_instructions(0.01)
variables = [contextvars.ContextVar(f"variable-{i}") for i in range(40)]
ended = []

class Late:
    def __init__(self):
        self.me = self  # only the collector ends it

    def __del__(self):
        ended.append(1)
        for variable in variables:
            variable.set([None])

kept, deadline = [], time.monotonic() + 2
while time.monotonic() < deadline:
    Late()
    kept.append({len(kept): []})  # a collection is due at another allocation each time
    for variable in variables:
        variable.set((len(kept),))
    if len(kept) > 1000:
        kept.clear()
print(len(ended))
"""
"""Where the collector begins on its own, Python 3.11 ends this by SIGSEGV or SIGABRT within three seconds, mostly."""


def test_finalizers_run_and_do_no_harm() -> None:
    done = run_program((sys.executable, "-c", PROGRAM), 60, ROOT)

    assert (done.exit_code, done.stderr) == (0, "")
    assert int(done.stdout) > 1000


def test_it_ends_with_its_program() -> None:
    words = "from embedded.collector import collect_between_instructions as begin; begin(0.001); print('done')"
    for _ in range(3):
        assert run_program((sys.executable, "-c", words), 60, ROOT) == Completed(0, "done\n", "")
