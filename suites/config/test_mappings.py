"""Do the provider registry and the model mappings agree?"""

from gonogo.plugin import check, expect_none
from gonogo.rules import mappings as mapping_rules
from gonogo.rules.mappings import Mappings


@check("config.mappings.agree", severity="critical", covers=["D3"], permission="static", smoke=True)
def test_mappings_agree(mappings: Mappings) -> None:
    """Every active provider is mapped, and every mapping points to an active provider that serves the model."""
    expect_none(mapping_rules.disagreements(mappings))


@check("config.mappings.names", severity="critical", covers=["D3"], permission="static", smoke=True)
def test_mappings_names(mappings: Mappings) -> None:
    """Every model and provider name is unique, and every name that the mappings refer to resolves."""
    expect_none(mapping_rules.ambiguous_names(mappings))


@check("config.mappings.patterns", severity="major", covers=["D3"], permission="static", smoke=True)
def test_mappings_patterns(mappings: Mappings) -> None:
    """Every pattern compiles, and none is shadowed by those before it."""
    expect_none(mapping_rules.dead_patterns(mappings))
