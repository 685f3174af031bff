"""Does the API gateway's route table lead every public path where it should?"""

from gonogo.documents import Document
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_none
from gonogo.rules import routes
from gonogo.targets.files import ConfigRules


@check("config.routes.public", severity="critical", covers=["D9"], permission="static", smoke=True)
def test_routes_public(route_tables: tuple[Document, ...], rules: ConfigRules) -> None:
    """Every public path has a route, and it leads to the right service."""
    if not rules.public_paths:
        raise NotDeclared("the target does not say which paths are public (config.rules.public_paths)")
    expect_none(routes.unrouted(route_tables, rules.public_paths))


@check("config.routes.shadowed", severity="major", covers=["D9"], permission="static", smoke=True)
def test_routes_shadowed(route_tables: tuple[Document, ...]) -> None:
    """No route is shadowed by those that are asked before it."""
    expect_none(routes.shadowed(route_tables))
