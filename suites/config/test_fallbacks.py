"""Do the fallback chains lead somewhere else, and to an end?"""

from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.rules import fallbacks
from gonogo.rules.gateway import GatewayConfig
from gonogo.rules.mappings import Mappings
from gonogo.targets.files import ConfigRules


@check("config.fallbacks.resolve", severity="critical", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_resolve(gateway_config: GatewayConfig) -> None:
    """Every link of every fallback chain is a model of the gateway."""
    expect_none(fallbacks.dangling(gateway_config))


@check("config.fallbacks.acyclic", severity="critical", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_acyclic(gateway_config: GatewayConfig) -> None:
    """No fallback chain comes back to a model that it has already asked."""
    expect_none(fallbacks.cycles(gateway_config))


@check("config.fallbacks.context", severity="major", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_context(gateway_config: GatewayConfig, known_mappings: Mappings | None, rules: ConfigRules) -> None:
    """No fallback leads to a smaller context window unnoticed."""
    known = fallbacks.context_windows(gateway_config, known_mappings)
    if not known:
        raise NotDeclared("no file says how large the models' context windows are (model_info.max_input_tokens)")
    expect_none(fallbacks.smaller_contexts(gateway_config, known, rules.smaller_context))


@check("config.fallbacks.provider", severity="major", covers=["D4"], permission="static", smoke=True)
def test_fallbacks_provider(gateway_config: GatewayConfig) -> None:
    """No fallback chain ends at the provider that has just failed."""
    expect_none(fallbacks.same_provider(gateway_config))
