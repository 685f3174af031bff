"""Which revision of a workload may one go back to? The last *good* one, never blindly the previous one.

``kubectl rollout undo`` returns to the revision before, whatever became of it: a second undo returns to the broken
version (kubernetes/website#6921). Here a revision is good when the registry says of a release with its image that it
was in production and was not rolled back (states ``production`` and ``previous``), and when what it needs is still
there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gonogo.documents import Part
from gonogo.rules.objects import name_of
from gonogo.rules.sources import containers

REVISION = "deployment.kubernetes.io/revision"
"""The annotation in which the controller numbers a Deployment's revisions."""
GOOD_STATES = ("production", "previous")


@dataclass(frozen=True)
class Release:
    """One version of a product, as the registry tells of it."""

    version: str
    status: str
    image: str
    config_maps: tuple[str, ...] = ()
    model: tuple[str, str] = ("", "")
    """Name and version of the model that it serves, if the registry says."""
    since: str = ""
    """The date of its latest state, if the registry keeps a history."""

    @property
    def is_good(self) -> bool:
        """Whether it was in production, and was not rolled back."""
        return self.status in GOOD_STATES


@dataclass(frozen=True)
class Revision:
    """What a workload was at some time."""

    name: str
    """The ReplicaSet's name."""
    number: int
    images: tuple[str, ...]
    config_maps: tuple[str, ...]
    secrets: tuple[str, ...]
    template: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The pod template, without the label by which the controller tells revisions apart."""


@dataclass(frozen=True)
class Choice:
    """The revision to go back to, and why newer ones were passed over."""

    revision: Revision | None
    release: Release | None
    passed_over: tuple[str, ...]


def releases_in(registry: Part, name: str) -> list[Release]:
    """The releases of a product that a registry knows (``releases[].versions[]``)."""
    product = next((item for item in registry["releases"] if item["name"].text() == name), None)
    return [
        Release(
            version=item["version"].text(),
            status=item["status"].text(),
            image=item["image"].text(),
            config_maps=tuple(item["config_maps"].texts()),
            model=(item.at("model", "name").text(), item.at("model", "version").text()),
            since=max((step["date"].text() for step in item["history"]), default=""),
        )
        for item in (product["versions"] if product is not None else ())
    ]


def last_good_release(releases: Sequence[Release]) -> Release | None:
    """The one in production, else the previous one of the latest date; of one date the later in the registry."""
    good = [release for release in releases if release.is_good]
    order = [(release.status == GOOD_STATES[0], release.since, i) for i, release in enumerate(good)]
    return good[max(order)[2]] if order else None


def revisions_of(deployment: Part, replica_sets: Sequence[Part]) -> list[Revision]:
    """A Deployment's revisions, the newest first."""
    uid = deployment.at("metadata", "uid").text()
    owned = [rs for rs in replica_sets if uid in {o["uid"].text() for o in rs.at("metadata", "ownerReferences")}]
    found = [_revision(replica_set) for replica_set in owned]
    return sorted(found, key=lambda revision: revision.number, reverse=True)


def _revision(replica_set: Part) -> Revision:
    template = replica_set.at("spec", "template")
    number = replica_set.at("metadata", "annotations")[REVISION].text()
    labels = {k: v.value for k, v in template.at("metadata", "labels").entries() if k != "pod-template-hash"}
    metadata = {**(template["metadata"].value or {}), "labels": labels}
    config_maps, secrets = _needs(template["spec"])
    return Revision(
        name=name_of(replica_set),
        number=int(number) if number.isdecimal() else 0,
        images=tuple(container["image"].text() for container in containers(replica_set)),
        config_maps=config_maps,
        secrets=secrets,
        template={**(template.value or {}), "metadata": metadata},
    )


def _needs(pod: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The config maps and secrets without which a pod does not start."""
    config_maps: set[str] = set()
    secrets: set[str] = set()
    for volume in pod["volumes"]:
        for part in (volume, *volume.at("projected", "sources")):
            if not (part["configMap"]["optional"] or part["secret"]["optional"]):
                config_maps.add(part["configMap"]["name"].text())
                secrets |= {part["secret"]["secretName"].text(), part["secret"]["name"].text()}
    for container in (*pod["containers"], *pod["initContainers"]):
        sources = [*container["envFrom"], *(item["valueFrom"] for item in container["env"])]
        for source in sources:
            for kind, names in (("configMap", config_maps), ("secret", secrets)):
                for reference in (source[f"{kind}Ref"], source[f"{kind}KeyRef"]):
                    if not reference["optional"]:
                        names.add(reference["name"].text())
    return tuple(sorted(config_maps - {""})), tuple(sorted(secrets - {""}))


def release_of(revision: Revision, releases: Sequence[Release]) -> Release | None:
    """The release that a revision runs: it has the release's image, and the config maps that the release names."""
    return next((release for release in releases if release.image and _runs(revision, release)), None)


def _runs(revision: Revision, release: Release) -> bool:
    return release.image in revision.images and set(release.config_maps) <= set(revision.config_maps)


def last_good(revisions: Sequence[Revision], releases: Sequence[Release], current: str) -> Choice:
    """The newest revision, other than the current one, that the registry knows as good.

    Args:
        revisions: all that are left, the newest first.
        releases: what the registry tells.
        current: the name of the revision that runs.
    """
    passed: list[str] = []
    for revision in revisions:
        if revision.name == current:
            continue
        release = release_of(revision, releases)
        if release is None:
            passed.append(f"revision {revision.number} ({', '.join(revision.images)}) is no registered release")
        elif not release.is_good:
            passed.append(f"revision {revision.number} is {release.version}, which is {release.status}")
        else:
            return Choice(revision, release, tuple(passed))
    return Choice(None, None, tuple(passed))


def not_there(choice: Choice, config_maps: Collection[str], secrets: Collection[str]) -> list[str]:
    """What a revision needs and the namespace no longer has: its rollback would fail (helm/helm#12388).

    Args:
        choice: the revision to go back to, and its release.
        config_maps: the names of those that are there.
        secrets: likewise.
    """
    if choice.revision is None:
        return []
    wanted = dict.fromkeys((*choice.revision.config_maps, *(choice.release.config_maps if choice.release else ())))
    flaws = [f"the config map {name}" for name in wanted if name not in config_maps]
    flaws += [f"the secret {name}" for name in choice.revision.secrets if name not in secrets]
    return [f"revision {choice.revision.number} needs {flaw}, which is gone" for flaw in flaws]
