"""An Ocelot route table: every public path has a route, none is shadowed, each leads where it should."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gonogo.documents import Document, Part, Problems
from gonogo.rules.patterns import covered
from gonogo.targets.files import PublicPath

_ALL_METHODS = frozenset("GET POST PUT DELETE PATCH OPTIONS HEAD".split())


@dataclass(frozen=True)
class Route:
    """One route, as Ocelot matches it: whole path, any case, the last placeholder takes slashes as well."""

    part: Part

    @property
    def template(self) -> str:
        """The path as clients see it."""
        return self.part["UpstreamPathTemplate"].text()

    @cached_property
    def methods(self) -> frozenset[str]:
        """The HTTP methods that it takes; an empty list in the file means all."""
        return frozenset(method.upper() for method in self.part["UpstreamHttpMethod"].texts()) or _ALL_METHODS

    @property
    def priority(self) -> float:
        """Higher goes first: 1 if not given, 0 for a catch-all, which Ocelot asks last."""
        if re.fullmatch(r"/\{\w+\}", self.template):
            return 0
        given = self.part["Priority"].number()
        return 1 if given is None else given

    @cached_property
    def pattern(self) -> str:
        """A regular expression of the paths that it takes."""
        pieces = re.split(r"(\{\w+\})", self.template.lower().rstrip("/") or "/")
        return "".join(_piece(piece, last=i == len(pieces) - 2 and not pieces[-1]) for i, piece in enumerate(pieces))

    @property
    def hosts(self) -> list[str]:
        """Where it leads."""
        return [item["Host"].text() for item in self.part["DownstreamHostAndPorts"]] or [
            self.part["ServiceName"].text()
        ]

    def takes(self, wanted: PublicPath) -> bool:
        """Whether it answers for a path."""
        path = wanted.path.lower().partition("?")[0].rstrip("/") or "/"
        return wanted.method.upper() in self.methods and re.fullmatch(self.pattern, path) is not None


def _piece(piece: str, *, last: bool) -> str:
    if not piece.startswith("{"):
        return re.sub(r"([.*+?()\[\]|^$\\])", r"\\\1", piece)
    return ".*" if last else "[^/]+"


def routes(document: Document) -> list[Route]:
    """The routes in the order in which Ocelot asks them: by priority, then as they stand."""
    return sorted((Route(part) for part in document.root["Routes"]), key=lambda route: -route.priority)


def unrouted(documents: Sequence[Document], wanted: Sequence[PublicPath]) -> Problems:
    """Public paths without a route, or with one that leads to another host."""
    ordered = [route for document in documents for route in routes(document) if not route.part["UpstreamHost"]]
    problems: Problems = []
    for path in wanted:
        route = next((route for route in ordered if route.takes(path)), None)
        if route is None:
            problems.append(documents[0].root["Routes"].problem(f"no route for {path.method} {path.path}"))
        elif path.host and path.host not in route.hosts:
            where = ", ".join(route.hosts)
            message = f"{path.method} {path.path} leads to {where or 'no host'}, it should lead to {path.host}"
            problems.append(route.part["DownstreamHostAndPorts"].problem(message))
    return problems


def shadowed(documents: Sequence[Document]) -> Problems:
    """Routes that are never asked: those before them take every path and method that they take."""
    problems: Problems = []
    for document in documents:
        ordered = routes(document)
        for i, route in enumerate(ordered):
            rivals = [r for r in ordered[:i] if r.methods >= route.methods and _same_host(r, route)]
            is_covered = covered(route.pattern, [rival.pattern for rival in rivals])
            if is_covered:
                by = ", ".join(rival.template for rival in rivals if covered(route.pattern, [rival.pattern]))
                message = f"{route.template} is never asked: {by or 'earlier routes'} takes all its paths"
                problems.append(route.part["UpstreamPathTemplate"].problem(message))
            elif is_covered is None:
                message = f"{route.template} is too complex to be compared with the routes before it"
                problems.append(route.part["UpstreamPathTemplate"].problem(message, warning=True))
    return problems


def _same_host(earlier: Route, later: Route) -> bool:
    host = earlier.part["UpstreamHost"].text()
    return not host or host == later.part["UpstreamHost"].text()
