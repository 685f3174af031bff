"""Container images at their registry: the HTTP API v2 of the OCI distribution specification."""

import base64
import hashlib
import re
from urllib.parse import quote, urlencode

import httpx

from gonogo.documents import Part
from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http, HttpAnswer
from gonogo.rules.images import FoundImage, Image, parse_image
from gonogo.targets.files import Artifacts, ImageRegistry

TIMEOUT_S = 20.0
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)


class ImageRegistries:
    """Looks at images; no layer is pulled."""

    def __init__(self, artifacts: Artifacts, client: httpx.Client, context: ProbeContext) -> None:
        self._artifacts, self._client, self._context = artifacts, client, context
        self._tokens: dict[str, str] = {}

    def look(self, place: Part) -> FoundImage | None:
        """What lies at the registry under an image's name; None where the text is no image reference.

        Raises:
            InconclusiveError: the registry cannot be reached, or will not tell.
        """
        image = parse_image(place)
        if image is None:
            return None
        registry = self._artifacts.image_registries.get(image.registry) or ImageRegistry(f"https://{image.registry}")
        http = Http(self._client, registry.url, None, self._context, TIMEOUT_S)
        reference = image.digest or image.tag or "latest"
        path = f"/v2/{quote(image.repository)}/manifests/{reference}"
        answer = self._get(http, path, registry, image)
        if answer.status == 404:
            return FoundImage(exists=False)
        if answer.status != 200:
            raise InconclusiveError(f"{registry.url}{path}: HTTP {answer.status}: the registry will not tell")
        # computed, not believed: the header may say anything
        return FoundImage(exists=True, digest=f"sha256:{hashlib.sha256(answer.body).hexdigest()}")

    def _get(self, http: Http, path: str, registry: ImageRegistry, image: Image) -> HttpAnswer:
        headers = {"accept": _MANIFESTS}
        try:
            if registry.url in self._tokens:
                headers["authorization"] = self._tokens[registry.url]
            answer = http.get(path, headers)
            challenge = answer.headers.get("www-authenticate", "")
            if answer.status == 401 and challenge:
                self._tokens[registry.url] = self._authorization(challenge, registry, image)
                answer = http.get(path, {**headers, "authorization": self._tokens[registry.url]})
        except EndpointFailedError as error:
            raise InconclusiveError(f"the registry {registry.url} cannot be asked: {error}") from error
        return answer

    def _authorization(self, challenge: str, registry: ImageRegistry, image: Image) -> str:
        """Answer a registry's challenge: with the password itself, or with a token that its token service gives."""
        basic = ""
        if registry.password is not None:
            pair = f"{registry.user}:{registry.password.value}".encode()
            basic = f"Basic {base64.b64encode(pair).decode()}"
        if not challenge.lower().startswith("bearer"):
            return basic
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = {"service": fields.get("service", ""), "scope": f"repository:{image.repository}:pull"}
        realm = Http(self._client, fields.get("realm", ""), None, self._context, TIMEOUT_S, tells_keys=True)
        answer = realm.get(f"?{urlencode(query)}", {"authorization": basic} if basic else None)
        body = answer.json() if answer.status == 200 else {}
        token = body.get("token") or body.get("access_token") if isinstance(body, dict) else None
        if not token:
            raise InconclusiveError(f"{fields.get('realm')}: HTTP {answer.status}: no token to look at {image.name}")
        return f"Bearer {token}"
