"""What only a checkout has; the gate itself, and the fixtures of its suites, come by pyproject's entry points."""

pytest_plugins = ["pytester", "gonogo.fixtures.embedded"]
