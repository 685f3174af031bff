"""Do the document stores know what they must?"""

from gonogo.plugin import check
from gonogo.probes.datasets import Answer


@check("artifacts.dataset.answers", severity="critical", covers=["B1"])
def test_dataset_answers(dataset: Answer) -> None:
    """The store answers a known query with the known document."""
    assert dataset.is_known, f"the answer does not hold {dataset.expected!r}"
