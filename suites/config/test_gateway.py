"""Is the gateway's configuration the one that was generated, and the one that runs?"""

import pytest

from gonogo.documents import Document, DocumentError, parse_document
from gonogo.errors import EndpointFailedError, InconclusiveError, NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.probes.commands import Commands
from gonogo.probes.files import Files
from gonogo.probes.gateway import deployed_models
from gonogo.probes.http import Http
from gonogo.rules.drift import differences, from_mappings, not_deployed
from gonogo.rules.gateway import GatewayConfig, missing_limits
from gonogo.rules.mappings import Mappings
from gonogo.targets.files import Configuration, Generator


@pytest.fixture
def deployed_document(config: Configuration, files: Files) -> Document:
    """The gateway's file as it lies where it runs."""
    if config.deployed is None:
        raise NotDeclared("the target does not say where the deployed configuration lies (config.deployed)")
    return files.document(config.deployed)


def generated(generator: Generator, commands: Commands) -> Document:
    """What the target's generator prints."""
    done = commands.run(generator.command, generator.timeout_s)
    if done.exit_code != 0:
        raise InconclusiveError(f"the generator failed with exit code {done.exit_code}: {done.stderr.strip()[:500]}")
    try:
        return parse_document(done.stdout, "the generator's output")
    except DocumentError as error:
        raise InconclusiveError(str(error)) from error


@check("config.gateway.drift", severity="critical", covers=["D2"], permission="static", smoke=True)
def test_gateway_drift(
    config: Configuration, gateway_config: GatewayConfig, known_mappings: Mappings | None, commands: Commands
) -> None:
    """The gateway's configuration equals what is generated from registry and mappings: nothing was edited by hand."""
    if config.generator is not None:
        expect_none(differences(gateway_config.document, generated(config.generator, commands)))
    elif known_mappings is not None:
        expect_none(from_mappings(gateway_config, known_mappings))
    else:
        raise NotDeclared("the target declares neither a generator nor a provider registry and model mappings")


@check("config.gateway.deployed_file", severity="critical", covers=["D2"], permission="static", smoke=True)
def test_gateway_deployed_file(deployed_document: Document, gateway_config: GatewayConfig) -> None:
    """The gateway's configuration where it runs is the one in the repository."""
    expect_none(differences(deployed_document, gateway_config.document))


@check("config.gateway.loaded", severity="critical", covers=["D2"], smoke=True)
def test_gateway_loaded(gateway_config: GatewayConfig, gateway_http: Http) -> None:
    """The running gateway has loaded exactly the models of its configuration, with the same servers."""
    try:
        loaded = deployed_models(gateway_http)
    except EndpointFailedError as error:
        raise InconclusiveError(f"the gateway does not tell what it has loaded: {error}") from error
    expect_none(not_deployed(gateway_config, loaded))


@check("config.limits.present", severity="major", covers=["D5b"], permission="static", smoke=True)
def test_limits_present(gateway_config: GatewayConfig) -> None:
    """Every model of the gateway has a limit of requests and of tokens a minute."""
    expect_none(missing_limits(gateway_config))
