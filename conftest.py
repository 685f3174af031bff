"""The fixture modules. The plugin itself comes by its pytest11 entry point only: both at once would crash pytest."""

pytest_plugins = [
    "pytester",
    "fixtures.embedded",
    "fixtures.probes",
    "fixtures.static",
    "fixtures.contract",
    "fixtures.routing",
    "fixtures.caches",
    "fixtures.limits",
    "fixtures.shares",
    "fixtures.output",
    "fixtures.cluster",
    "fixtures.hosts",
    "fixtures.load",
    "fixtures.monitoring",
    "fixtures.security",
    "fixtures.agent",
    "fixtures.watch",
    "fixtures.drills",
]
