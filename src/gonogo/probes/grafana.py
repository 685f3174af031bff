"""Grafana's dashboards: from its HTTP API, or from files (https://grafana.com/docs/grafana/latest/developers/http_api/)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.http import Http
from gonogo.probes.prometheus import asked, json_of

_PAGE = 500


class GrafanaProbe:
    """Asks a Grafana."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def dashboards(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Every dashboard that the key may see, by its title.

        Raises:
            InconclusiveError: Grafana cannot be asked, or refuses.
        """
        found = self._json(f"/api/search?type=dash-db&limit={_PAGE}")
        return [(item["title"], self._json(f"/api/dashboards/uid/{item['uid']}")) for item in found]

    def _json(self, path: str) -> Any:  # noqa: ANN401 (any JSON)
        return json_of(asked(self._http, path, "Grafana"), "Grafana")


def read_dashboard(file: Path) -> Mapping[str, Any]:
    """A dashboard from its file.

    Raises:
        EndpointFailedError: it is no JSON object, so that Grafana would not load it either.
        InconclusiveError: it cannot be read.
    """
    try:
        model = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InconclusiveError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EndpointFailedError(f"{file} is no JSON: {error}") from error
    if not isinstance(model, dict):
        raise EndpointFailedError(f"{file} is no JSON object")
    return model
