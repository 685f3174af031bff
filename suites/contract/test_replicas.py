"""Is the model that is served the one that was approved?"""

from gonogo.plugin import check, expect_flawless
from gonogo.rules.registry import Version
from gonogo.rules.served import served_flaws


@check("contract.replicas.production", severity="critical", covers=["C13"])
def test_replicas_production(serving: tuple[dict[str, object], Version]) -> None:
    """Every replica has the registry's production version loaded."""
    expect_flawless(served_flaws(*serving))
