"""Probes that read metrics pages and texts."""

import pytest

from gonogo.errors import EndpointFailedError
from gonogo.probes.language import foreign_texts
from gonogo.probes.metrics import parse


def test_metrics() -> None:
    page = '# TYPE a counter\na_total{x="1"} 2\na_total{x="2"} 3\nb NaN\nc{quantile="0.5"} NaN\nd_count 1\nd_sum +Inf\n'
    samples = parse(page)
    assert (samples.total("a_total"), samples.total("zz")) == (5.0, None)
    assert samples.absent(("a_total", "a", "zz")) == ["zz"]
    assert samples.not_finite(["a", "a_total", "b", "c", "d"]) == ["b", "d_sum"]
    assert samples.not_finite(["a", "d_count"]) == []


@pytest.mark.parametrize("page", ["<html>x</html>", "", "a{b 1"])
def test_a_page_that_is_not_prometheus(page: str) -> None:
    with pytest.raises(EndpointFailedError):
        parse(page)


def test_language() -> None:
    spanish, english = "¿Quiere que le muestre los coches más recientes?", "Would you like to see our latest cars?"
    assert foreign_texts([spanish, english], "es", ("en", "fr")) == [english]


@pytest.mark.parametrize("wanted", ["zh", "ta", "sr", "ru"])
def test_names_in_latin_letters_make_no_text_foreign(wanted: str) -> None:
    own = {"zh": "推荐 Volkswagen Golf Variant", "ta": "நல்ல Volkswagen Golf கார்", "sr": "Dobar dan, imamo tri automobila",
           "ru": "Советую Volkswagen Golf Variant"}[wanted]  # fmt: skip
    assert foreign_texts([own], wanted, ("en",)) == []
    if wanted != "sr":
        assert foreign_texts(["Volkswagen"], wanted, ("en",)) == ["Volkswagen"]
