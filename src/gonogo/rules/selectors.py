"""Label selectors: which objects does one take? (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels)."""

from collections.abc import Mapping

from gonogo.documents import Part


def labels_of(part: Part) -> dict[str, str]:
    """A mapping of labels as texts."""
    return {key: value.text() for key, value in part.entries()}


def selects(selector: Part, labels: Mapping[str, str]) -> bool:
    """Whether a selector with ``matchLabels`` and ``matchExpressions`` takes these labels; an empty one takes all."""
    wanted = labels_of(selector["matchLabels"])
    return wanted.items() <= labels.items() and all(holds(item, labels) for item in selector["matchExpressions"])


def holds(expression: Part, labels: Mapping[str, str]) -> bool:
    """Whether labels fulfil one of ``matchExpressions``."""
    key, values = expression["key"].text(), expression["values"].texts()
    match expression["operator"].text():
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
    return key not in labels
