"""Are the container images the ones that were scanned, and will they be tomorrow?"""

import pytest

from gonogo.documents import Document, Part, Problems
from gonogo.errors import NotDeclared
from gonogo.fixtures.static import Reader
from gonogo.plugin import check, expect_none, flaws_of
from gonogo.probes.images import ImageRegistries
from gonogo.rules import images
from gonogo.rules.schemas import violations_of
from gonogo.rules.sources import Sources
from gonogo.targets.files import Artifacts, Configuration


@pytest.fixture
def image_places(config: Configuration, reader: Reader) -> list[Part]:
    """Where manifests and compose files name an image."""
    kinds = [kind for kind in ("manifests", "compose") if config.of(kind)]
    places = list(images.used(Sources({kind: reader.documents(kind) for kind in kinds})))
    if not places:
        raise NotDeclared("the target declares no manifests and no compose files that name an image")
    return places


@check("artifacts.images.pinned", severity="major", covers=["A6"], permission="static", smoke=True)
def test_images_pinned(image_places: list[Part]) -> None:
    """Every container image is pinned by digest."""
    expect_none(images.unpinned(image_places))


@check("artifacts.images.scanned", severity="critical", covers=["A6"], permission="static", smoke=True)
def test_images_scanned(image_places: list[Part], scans: tuple[Document, ...], artifacts: Artifacts) -> None:
    """Every container image was scanned, and no scan has more critical findings than allowed."""
    expect_none(violations_of("scan", scans) or images.vulnerable(image_places, scans, artifacts.max_critical))


@check("artifacts.images.present", severity="critical", covers=["A6"])
def test_images_present(image_places: list[Part], image_registries: ImageRegistries) -> None:
    """Every container image lies at its registry, under the digest that it is pinned to."""

    def look(place: Part) -> Problems:
        return images.absent(place, image_registries.look(place))

    expect_none(flaws_of(map(look, image_places)))
