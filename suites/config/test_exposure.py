"""Who can reach what, and what stands in files that should not?"""

import os

from gonogo.documents import Problem
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.probes.commands import Commands
from gonogo.probes.files import Files, files_of, shown
from gonogo.probes.repository import history_lines, tree_lines
from gonogo.rules import exposure, references, secrets
from gonogo.rules.sources import Sources
from gonogo.targets.files import ConfigRules, Configuration
from gonogo.targets.model import Target

_SETTINGS = ("gateway", "chatbot", "environment_files", "ollama_environment", "compose", "manifests")


def _expect_declared(sources: Sources, *kinds: str) -> None:
    """End a check that has nothing to look at.

    Raises:
        NotDeclared: the target declares no files of these kinds.
    """
    if not any(sources.of(kind) for kind in kinds):
        raise NotDeclared(
            f"no file of any of these kinds is there to read: {', '.join(f'config.{kind}' for kind in kinds)}"
        )


@check("config.cors.explicit", severity="major", covers=["D5a"], permission="static", smoke=True)
def test_cors_explicit(sources: Sources, rules: ConfigRules, target: Target) -> None:
    """CORS origins are named: outside development, no page of any other origin may ask."""
    _expect_declared(sources, *_SETTINGS)
    problems = exposure.any_origin(sources)
    problems += exposure.default_origins(sources, rules.set_elsewhere) if rules.exposed else []
    expect_none(exposure.as_warnings(problems) if target.environment == "development" else problems)


@check("config.redis.password", severity="critical", covers=["D5c"], permission="static", smoke=True)
def test_redis_password(sources: Sources, rules: ConfigRules) -> None:
    """A Redis that is not on loopback has a password."""
    _expect_declared(sources, *_SETTINGS)
    expect_none(exposure.open_redis(sources, rules.set_elsewhere))


@check("config.access.authentication", severity="critical", covers=["D5d"], permission="static", smoke=True)
def test_access_authentication(sources: Sources, rules: ConfigRules) -> None:
    """Where the gateway can be reached from outside, it and the servers behind it ask for a key."""
    if not rules.exposed:
        raise NotDeclared("the gateway cannot be reached from outside (config.rules.exposed)")
    _expect_declared(sources, "gateway", "compose", "manifests")
    expect_none(exposure.no_authentication(sources, rules.set_elsewhere))


@check("config.access.tls", severity="critical", covers=["D5d"], permission="static", smoke=True)
def test_access_tls(sources: Sources, rules: ConfigRules, target: Target) -> None:
    """Where the gateway can be reached from outside, TLS is on; no request crosses a public network without it."""
    if not rules.exposed:
        raise NotDeclared("the gateway cannot be reached from outside (config.rules.exposed)")
    urls = [endpoint.url for endpoint in target.endpoints()] + ([target.chatbot.url] if target.chatbot else [])
    plain = [Problem(shown(target.file), 1, 1, "", f"{url} is not https") for url in urls if exposure.is_plain(url)]
    expect_none(plain + exposure.no_tls(sources))


@check("config.variables.set", severity="critical", covers=["D5f"], permission="static", smoke=True)
def test_variables_set(sources: Sources, rules: ConfigRules) -> None:
    """Every environment variable that a file refers to is set here, by a file, or declared as set elsewhere."""
    expect_none(references.unset(sources, os.environ, rules.set_elsewhere))


@check("config.secrets.files", severity="critical", covers=["D5e"], permission="static", smoke=True)
def test_secrets_files(
    config: Configuration, sources: Sources, rules: ConfigRules, files: Files, commands: Commands
) -> None:
    """No secret value stands in a configuration file or in the repository's files."""
    paths = [path for file in config.files if file.kind != "environment_files" for path in files_of(file)]
    lines = [line for path in paths for line in secrets.lines_of(files.text(path), shown(path))]
    lines += tree_lines(config.repository, commands) if config.repository else []
    plain = [p for d in sources.all_but("environment_files") for p in secrets.plain_values(d, rules.known_secrets)]
    expect_none(plain + secrets.in_lines(lines, rules.known_secrets))


@check("config.secrets.history", severity="critical", covers=["D5e"], permission="static", smoke=True)
def test_secrets_history(config: Configuration, rules: ConfigRules) -> None:
    """No secret value was ever committed to the repository."""
    if config.repository is None:
        raise NotDeclared("the target declares no git repository (config.repository)")
    expect_none(secrets.in_lines(history_lines(config.repository), rules.known_secrets))
