"""Container images: pinned by digest, and scanned."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gonogo.documents import Document, Part, Problems
from gonogo.rules.objects import Manifests, images
from gonogo.rules.sources import Sources
from gonogo.targets.files import DOCKER_HUB, registry_host

_REFERENCE = re.compile(
    r"(?P<name>[^@:]+(?::\d+/[^@:]+)?)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Image:
    """A reference to an image: ``registry/repository:tag@digest``."""

    text: str
    name: str
    tag: str
    digest: str

    @property
    def registry(self) -> str:
        """The registry's host; Docker Hub's where none stands there."""
        return registry_host(self._host) if self._host else DOCKER_HUB

    @property
    def repository(self) -> str:
        """The repository at its registry."""
        bare = self.name.removeprefix(f"{self._host}/") if self._host else self.name
        return bare if "/" in bare or self.registry != DOCKER_HUB else f"library/{bare}"

    @property
    def _host(self) -> str:
        """The name's first part, where that is a host's."""
        first, slash, _ = self.name.partition("/")
        return first if slash and (re.search(r"[.:]", first) or first == "localhost") else ""


@dataclass(frozen=True)
class FoundImage:
    """What a registry has under an image's name."""

    exists: bool
    digest: str = ""
    """SHA256 of the manifest that it gave."""


def absent(place: Part, found: FoundImage | None) -> Problems:
    """Why an image cannot be pulled as it is written, by what its registry has."""
    image = parse_image(place)
    if image is None or found is None:
        return [place.problem(f"{place.text()!r} is not an image reference")]
    if not found.exists:
        return [place.problem(f"{image.text} is not at its registry")]
    if image.digest and found.digest != image.digest:
        return [place.problem(f"{image.text}: the registry gives {found.digest} instead")]
    return []


def parse_image(place: Part) -> Image | None:
    """Read a reference; None where it is not one."""
    match = _REFERENCE.fullmatch(place.text())
    if match is None:
        return None
    return Image(place.text(), match["name"], match["tag"] or "", match["digest"] or "")


def used(sources: Sources) -> Iterator[Part]:
    """Every image that manifests and compose files name."""
    yield from images(Manifests(sources.of("manifests")))
    for document in sources.of("compose"):
        for _, service in document.root["services"].entries():
            if service["image"] and not service["build"]:  # what is built here is not pulled
                yield service["image"]


def unpinned(places: Sequence[Part]) -> Problems:
    """Images without a digest; the tag ``latest`` beside a digest is worth a warning."""
    problems: Problems = []
    for place in places:
        image = parse_image(place)
        if "$" in place.text():
            problems.append(place.problem(f"{place.text()} is not pinned: a variable says which image it is"))
        elif image is None:
            problems.append(place.problem(f"{place.text()!r} is not an image reference"))
        elif not image.digest:
            problems.append(place.problem(f"{image.text} is not pinned by digest: tomorrow it may be another image"))
        elif image.tag == "latest":
            message = f"{image.text[:60]} is pinned, but its tag says latest: nobody can tell which version it is"
            problems.append(place.problem(message, warning=True))
    return problems


def vulnerable(places: Sequence[Part], reports: Sequence[Document], most: int) -> Problems:
    """Images without a scan, and scans with more critical findings than allowed.

    Args:
        places: the images that are used.
        reports: Trivy's JSON reports.
        most: how many critical findings a report may have.
    """
    problems: Problems = []
    scanned: set[str] = set()
    for report in reports:
        root = report.root
        scanned |= {root["ArtifactName"].text(), *root.at("Metadata", "RepoDigests").texts()}
        found = [
            v for result in root["Results"] for v in result["Vulnerabilities"] if v["Severity"].text() == "CRITICAL"
        ]
        if len(found) > most:
            names = ", ".join(dict.fromkeys(v["VulnerabilityID"].text() for v in found[:5]))
            message = f"{root['ArtifactName'].text()} has {len(found)} critical findings ({names}), allowed are {most}"
            problems.append(found[0].problem(message))
    for place in places:
        image = parse_image(place)
        if image is not None and not _was_scanned(image, scanned):
            problems.append(place.problem(f"{image.text} has no scan report"))
    return problems


def _was_scanned(image: Image, scanned: set[str]) -> bool:
    if image.digest:
        return any(name.endswith(image.digest) for name in scanned)
    return image.text in scanned
