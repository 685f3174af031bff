"""Services with routes of their own in front of a model (deployments of kind E)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.errors import EndpointFailedError, NotDeclared
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.pointers import pointed
from gonogo.targets.model import RestRoute, RestService
from gonogo.texts import with_texts


@dataclass(frozen=True)
class RestAnswer:
    """An answer of one call, and what the route's pointer points at."""

    http: HttpAnswer
    body: Any
    content: Any
    """The text or the vector; None where it is not there."""


class Service:
    """The calls of one service."""

    def __init__(self, declared: RestService, http: Http) -> None:
        self.declared, self.http = declared, http

    def route(self, name: str) -> RestRoute:
        """A declared call.

        Raises:
            NotDeclared: the service does not have it.
        """
        if name not in self.declared.routes:
            raise NotDeclared(f"{self.declared.name} is declared without {name}")
        return self.declared.routes[name]

    def call(self, name: str, prompt: str) -> RestAnswer:
        """Call a route with a prompt.

        Raises:
            EndpointFailedError: no answer, or one that is not JSON. An error status is an answer.
            NotDeclared: the service does not have it.
        """
        route = self.route(name)
        answer = self.http.post(route.path, with_texts(route.body, lambda text: text.replace("{prompt}", prompt)))
        body = answer.json()
        return RestAnswer(answer, body, pointed(body, route.answer))

    def document(self) -> Mapping[str, Any]:
        """The service's own OpenAPI document.

        Raises:
            EndpointFailedError: it is not there, or not a JSON object.
        """
        answer = self.http.get(self.declared.openapi_path)
        body = answer.json()
        if answer.status != 200 or not isinstance(body, dict):
            raise EndpointFailedError(f"{self.declared.openapi_path}: HTTP {answer.status} without a JSON object")
        return body
