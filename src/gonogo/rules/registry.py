"""The model registry: one production version, honest states, evaluations that really passed."""

from collections.abc import Mapping
from dataclasses import dataclass

from gonogo.documents import Document, Part, Problems, did_you_mean
from gonogo.rules.revisions import GOOD_STATES

_NEXT = {
    "candidate": ("staging", "production", "archived"),
    "staging": ("production", "candidate", "archived"),
    "production": ("previous", "rolled-back", "archived"),
    "previous": ("production", "archived"),
    "rolled-back": ("candidate", "archived"),
    "archived": (),
}
"""Which state may follow which: a version that was rolled back returns only as a candidate, through the gate again."""


Bounds = Mapping[str, Mapping[str, float]]
"""By figure: its ``min``, its ``max``, or both."""


def bounds_in(thresholds: Part) -> dict[str, dict[str, float]]:
    """The bounds by figure; what is no number is left out, so that the figure has no bound, which is a finding."""
    return {
        name: {key: number for key in ("min", "max") if (number := part[key].number()) is not None}
        for name, part in thresholds.entries()
    }


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF's header and tensor table say."""

    architecture: str
    quantization: str
    tensors: int
    vocabulary: int
    """Tokens of the tokenizer; 0 where there is none."""
    embeddings: int
    """Rows of the token embedding; 0 where there is none."""
    context_tokens: int
    """The context length that the model was trained for; 0 if it does not say."""


@dataclass(frozen=True)
class RemotePlace:
    """Where a copy of a model file is said to lie: at a URL, or in a repository of a hub."""

    url: str
    hub: str
    path: str
    revision: str


@dataclass(frozen=True)
class RemoteCopy:
    """What lies there."""

    location: str
    exists: bool = True
    size_bytes: int | None = None
    sha256: str = ""
    """Empty where the store does not tell."""
    same_md5: bool | None = None
    """Whether its MD5 is that of the file here; None where the store does not tell."""


@dataclass(frozen=True)
class Version:
    """One version of a model."""

    model: str
    part: Part

    @property
    def name(self) -> str:
        """Model and version."""
        return f"{self.model} {self.version}"

    @property
    def version(self) -> str:
        """The version."""
        return self.part["version"].text()

    @property
    def status(self) -> str:
        """Its state."""
        return self.part["status"].text()

    def remote(self) -> RemotePlace:
        """Where its copy is said to lie."""
        remote = self.part["remote"]
        path = remote["path"].text() or self.part["file"].text().rpartition("/")[2]
        return RemotePlace(remote["url"].text(), remote["hub"].text(), path, remote["revision"].text())


@dataclass(frozen=True)
class ModelRegistry:
    """Every model and its versions."""

    document: Document

    @property
    def models(self) -> list[Part]:
        """The models."""
        return list(self.document.root["models"])

    @property
    def products(self) -> list[Part]:
        """The models and whatever else is released: each has versions with states."""
        return [*self.models, *self.document.root["releases"]]

    def versions(self, *statuses: str) -> list[Version]:
        """The versions, or those in some states."""
        every = [Version(model["name"].text(), part) for model in self.models for part in model["versions"]]
        return [version for version in every if not statuses or version.status in statuses]

    def last_known_good(self) -> list[Version]:
        """The version of each model that is named as the last known good one, if it is registered."""
        good = {(model["name"].text(), model["last_known_good"].text()) for model in self.models}
        return [version for version in self.versions() if (version.model, version.version) in good]


def not_one_production(registry: ModelRegistry) -> Problems:
    """Products with no production version or with several, and versions that stand twice."""
    problems: Problems = []
    for model in registry.products:
        name = model["name"].text()
        live = [part for part in model["versions"] if part["status"].text() == "production"]
        if len(live) != 1:
            place = live[1]["status"] if live else model["name"]
            names = ", ".join(part["version"].text() for part in live) or "none"
            problems.append(place.problem(f"{name} has {len(live)} versions in production ({names}), it must be one"))
        versions = [part["version"].text() for part in model["versions"]]
        twice = sorted({version for version in versions if versions.count(version) > 1})
        problems += [model["versions"].problem(f"{name} {version} stands there twice") for version in twice]
    return problems


def dishonest_states(registry: ModelRegistry) -> Problems:
    """Histories that end in another state than the present one, or that take a step which is not allowed."""
    problems: Problems = []
    every = [Version(product["name"].text(), part) for product in registry.products for part in product["versions"]]
    for version in every:
        steps = list(version.part["history"])
        states = [step["status"].text() for step in steps]
        if states and states[-1] != version.status:
            message = f"{version.name} is {version.status}, but its history ends with {states[-1]}"
            problems.append(version.part["status"].problem(message))
        for step, before, after in zip(steps[1:], states, states[1:], strict=False):
            if after not in _NEXT.get(before, ()):
                allowed = ", ".join(_NEXT.get(before, ())) or "nothing"
                problems.append(step.problem(f"{version.name}: {after} follows {before}, allowed is {allowed}"))
        dates = [step["date"].text() for step in steps]
        if dates != sorted(dates):
            problems.append(version.part["history"].problem(f"{version.name}: the dates of its history go backwards"))
    return problems


def no_way_back(registry: ModelRegistry) -> Problems:
    """Products whose last known good version is not registered, or is in a state that one cannot go back to."""
    problems: Problems = []
    for model in registry.products:
        good, name = model["last_known_good"], model["name"].text()
        known = {part["version"].text(): part for part in model["versions"]}
        if good.text() not in known:
            problems.append(good.problem(f"{name}: no version {good.text()!r}{did_you_mean(good.text(), known)}"))
        elif known[good.text()]["status"].text() not in GOOD_STATES:
            state = known[good.text()]["status"].text()
            problems.append(good.problem(f"{name}: the last known good version {good.text()} is {state}"))
    return problems


def other_header(version: Version, header: GgufHeader) -> Problems:
    """Where a model file is not what the registry says it is."""
    told = {"architecture": header.architecture, "quantization": header.quantization}
    told = {name: value for name, value in told.items() if value}  # an old file does not say its quantisation
    problems = [
        version.part[name].problem(
            f"{version.name}: the file says {name} {value}, the registry {version.part[name].text()}"
        )
        for name, value in told.items()
        if _bare(version.part[name].text()) != _bare(value)
    ]
    wanted = version.part["context_tokens"].number()
    if wanted is not None and wanted > header.context_tokens:
        message = (
            f"{version.name}: the file was trained for {header.context_tokens} tokens, the registry says {wanted:g}"
        )
        problems.append(version.part["context_tokens"].problem(message))
    return problems


def _bare(name: str) -> str:
    """``Q4_K_M`` for what llama.cpp calls ``MOSTLY_Q4_K_M``."""
    return name.upper().removeprefix("MOSTLY_").removeprefix("ALL_")


def other_tokenizer(version: Version, header: GgufHeader) -> Problems:
    """Tokenizers of another size than the model's embedding, or than the registry says: such a model talks nonsense."""
    problems: Problems = []
    if header.embeddings and header.vocabulary != header.embeddings:
        message = f"{version.name}: {header.vocabulary} tokens, but the embedding has {header.embeddings} rows"
        problems.append(version.part["file"].problem(message))
    wanted = version.part["vocabulary"].number()
    if wanted is not None and wanted != header.vocabulary:
        message = f"{version.name}: the tokenizer has {header.vocabulary} tokens, the registry says {wanted:g}"
        problems.append(version.part["vocabulary"].problem(message))
    return problems


def other_bytes(version: Version, sha256: str, size_bytes: int) -> Problems:
    """Where a model file's bytes are not those of the registry."""
    told = {"sha256": sha256, "size_bytes": size_bytes}
    return [
        version.part[name].problem(
            f"{version.name}: the file's {name} is {value}, the registry's {version.part[name].text()}"
        )
        for name, value in told.items()
        if version.part[name].text() != str(value)
    ]


def other_copy(version: Version, copy: RemoteCopy) -> Problems:
    """Where a copy elsewhere is missing or is not the registered file."""
    place = version.part["remote"]
    if not copy.exists:
        return [place.problem(f"{version.name} is not at {copy.location}")]
    if copy.size_bytes is not None and copy.size_bytes != version.part["size_bytes"].number():
        return [place.problem(f"{version.name}: {copy.size_bytes} bytes at {copy.location}")]
    if copy.sha256 and copy.sha256 != version.part["sha256"].text():
        return [place.problem(f"{version.name}: another SHA256 at {copy.location}: {copy.sha256}")]
    if not copy.sha256 and copy.same_md5 is False:
        return [place.problem(f"{version.name}: another MD5 at {copy.location}")]
    if not copy.sha256 and copy.same_md5 is None:
        return [place.problem(f"{copy.location} tells no digest: only the size was compared", warning=True)]
    return []


def not_earned(record: Document, version: Version, thresholds: Bounds) -> Problems:
    """Why an evaluation record does not show that this very file passed; figures are compared again, whatever it says.

    Args:
        record: the evaluation record.
        version: the registered version that it should be about.
        thresholds: bounds by figure that the target demands beside the record's own.
    """
    root, wanted = record.root, version.part["sha256"].text()
    decision = root["go_nogo_result"]
    problems: Problems = []
    if root["sha256"].text() != wanted:
        problems.append(root["sha256"].problem(f"the record is of another file than {version.name} ({wanted[:12]}...)"))
    if decision.text() != "GO":
        problems.append(decision.problem(f"{version.name}: go_nogo_result is {decision.text()!r}"))
    own = bounds_in(root["thresholds"])
    if not own and not thresholds:
        problems.append(root.problem(f"{version.name}: the record has no threshold"))
    for name, bounds in (*own.items(), *thresholds.items()):
        value = root["results"][name]
        if not _within(value.number(), bounds):
            shown = "is missing" if value.value is None else f"is {value.value}"
            place = value if value.value is not None else root["results"]
            problems.append(place.problem(f"{version.name}: {name} {shown}, wanted {_bounds(bounds)}"))
    return list(dict.fromkeys(problems))


def _within(value: float | None, bounds: Mapping[str, float]) -> bool:
    least, most = bounds.get("min"), bounds.get("max")
    if value is None or (least is None and most is None):
        return False
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(bounds: Mapping[str, float]) -> str:
    words = [
        f"at least {bounds['min']}" if "min" in bounds else "",
        f"at most {bounds['max']}" if "max" in bounds else "",
    ]
    return " and ".join(word for word in words if word) or "a min or a max, which the threshold lacks"
