"""Do the configuration files hold together, before anything is started?"""

import pytest

from gonogo import resources
from gonogo.documents import validate
from gonogo.errors import NotDeclared
from gonogo.plugin import check
from gonogo.probes.files import Files
from gonogo.probes.gateway_config import GatewayConfig, read_gateway_config
from gonogo.probes.mappings import Mappings, read_mappings
from gonogo.targets.model import Configuration


@pytest.fixture
def gateway_config(config: Configuration, files: Files) -> GatewayConfig:
    """The facts of the gateway's configuration file."""
    if config.gateway is None:
        raise NotDeclared("the target declares no gateway configuration file")
    return read_gateway_config(files.document(config.gateway))


@pytest.fixture
def mappings(config: Configuration, files: Files) -> Mappings:
    """The facts of the provider registry and the model mappings."""
    if config.providers is None or config.mappings is None:
        raise NotDeclared("the target declares no provider registry and model mappings")
    return read_mappings(files.document(config.providers), files.document(config.mappings))


@check("config.gateway.schema", severity="critical", covers=["D1"], permission="static", smoke=True)
def test_gateway_schema(config: Configuration, files: Files) -> None:
    """The gateway's configuration file is valid, and no key is misspelt."""
    if config.gateway is None:
        raise NotDeclared("the target declares no gateway configuration file")
    problems = validate(files.document(config.gateway), resources.schema("litellm-config"))
    assert [str(problem) for problem in problems] == []


@check("config.fallbacks.resolve", severity="critical", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_resolve(gateway_config: GatewayConfig) -> None:
    """Every link of every fallback chain is a model of the gateway."""
    assert gateway_config.dangling_links() == []


@check("config.fallbacks.acyclic", severity="critical", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_acyclic(gateway_config: GatewayConfig) -> None:
    """No fallback chain comes back to a model that it has already asked."""
    assert gateway_config.cycles() == []


@check("config.limits.present", severity="major", covers=["D5b"], permission="static", smoke=True)
def test_limits_present(gateway_config: GatewayConfig) -> None:
    """Every model of the gateway has a limit of requests and of tokens a minute."""
    assert (gateway_config.without_rpm, gateway_config.without_tpm) == ((), ())


@check("config.mappings.agree", severity="critical", covers=["D3"], permission="static", smoke=True)
def test_mappings_agree(mappings: Mappings) -> None:
    """Every active provider is mapped, every mapping points to an active provider, and model names are unique."""
    assert mappings.disagreements() == []
