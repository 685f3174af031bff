"""Is there a way back: a good revision with all that it needs, and a fresh backup?"""

from gonogo.errors import EndpointFailedError, NotDeclared
from gonogo.fixtures.cluster import ClusterView, newest_s, now
from gonogo.fixtures.static import Shelf
from gonogo.plugin import check, expect_flawless, expect_none
from gonogo.rules.objects import name_of
from gonogo.rules.registry import ModelRegistry, other_bytes
from gonogo.rules.revisions import Choice, not_there
from gonogo.targets.cluster import Backup


@check("cluster.rollback.revision", severity="critical", covers=["K8"], smoke=True)
def test_rollback_revision(way_back: Choice) -> None:
    """A revision is left that the registry knows as good, other than the one that runs."""
    passed = "; ".join(way_back.passed_over) or "the history holds no other revision"
    assert way_back.revision is not None, f"no good revision to go back to: {passed}"


@check("cluster.rollback.needs", severity="critical", covers=["K8"])
def test_rollback_needs(good_way_back: Choice, cluster_view: ClusterView) -> None:
    """The config maps and secrets of the revision to go back to are still there."""
    wanted = good_way_back.revision.secrets if good_way_back.revision else ()
    present = [name for name in wanted if cluster_view.api.metadata("Secret", name) is not None]
    config_maps = [name_of(item) for item in cluster_view.all("ConfigMap")]
    expect_flawless(not_there(good_way_back, config_maps, present))


@check("cluster.rollback.model", severity="critical", covers=["K8"])
def test_rollback_model(good_way_back: Choice, registry: ModelRegistry, shelf: Shelf) -> None:
    """The model file of the release to go back to is there, and has its registered bytes."""
    release = good_way_back.release
    if release is None or not release.model[0]:
        raise NotDeclared("the registry names no model of the release to go back to")
    versions = [v for v in registry.versions() if (v.model, v.version) == release.model]
    if not versions:
        raise EndpointFailedError(
            f"release {release.version} serves {' '.join(release.model)}, which is not registered"
        )
    problems = shelf.missing_files(versions)
    expect_none(problems or other_bytes(versions[0], *shelf.digest(versions[0])))


@check("cluster.rollback.backup", severity="major", covers=["K8"])
def test_rollback_backup(backup: tuple[str, Backup]) -> None:
    """The newest backup is fresh, and not empty."""
    name, declared = backup
    newest, age_s = newest_s(declared, now())
    assert newest is not None, f"{name}: no file {declared.pattern} that is not empty in {declared.folder}"
    assert age_s <= declared.max_age_s, (
        f"{name}: {newest.name} is {age_s:.0f} s old, wanted at most {declared.max_age_s:g}"
    )
