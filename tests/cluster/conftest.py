"""Namespaces that the tests of a module share."""

from collections.abc import Iterator

import pytest

from tests.cluster.control_plane import ControlPlane
from tests.cluster.namespace import LivelyChatbot, QuietChatbot, install_operator


@pytest.fixture(scope="module")
def lively(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivelyChatbot]:
    """A chatbot whose pods are real processes."""
    with LivelyChatbot(control_plane, tmp_path_factory.mktemp("lively") / "lively") as namespace:
        yield namespace


@pytest.fixture(scope="module")
def quiet(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietChatbot]:
    """A chatbot on kwok's node."""
    with control_plane.client() as client:
        install_operator(client)
    with QuietChatbot(control_plane, tmp_path_factory.mktemp("quiet") / "quiet") as namespace:
        yield namespace
