"""The sections ``config`` and ``artifacts`` of a target file: paths below the root, and what must hold."""

import json
import os
from pathlib import Path
from typing import Any

from gonogo.documents import Path_
from gonogo.targets.files import (
    Artifacts,
    ConfigFile,
    ConfigRules,
    Configuration,
    Dataset,
    Generator,
    ImageRegistry,
    KubernetesRules,
    PublicPath,
    registry_host,
)
from gonogo.targets.target_file import TargetFile

SINGLE = ("gateway", "providers", "mappings", "thresholds", "chatbot", "ollama_environment")
SEVERAL = ("routes", "alerts", "compose", "manifests", "modelfiles", "environment_files")
_KIND = {"modelfiles": "modelfile"}


class FileSections:
    """Reads the two sections; what is wrong is told to the file."""

    def __init__(self, root: Path, file: TargetFile) -> None:
        self._root, self._file = root, file

    def inside(self, text: str, where: Path_) -> Path:
        """A path below the root; one that leaves it by ``..`` or as an absolute path is a problem.

        A symbolic link that leaves it is found when the file is read: it may be put there later.
        """
        path = Path(os.path.normpath(self._root / text))
        if not path.is_relative_to(self._root) and not path.is_relative_to(self._root.resolve()):
            self._file.problem(where, f"{text} lies outside of the root {self._root}: set `root`, or move the file")
        return path

    def config(self, raw: dict[str, Any], environment: str) -> Configuration:
        """The section ``config``."""
        generator, repository, deployed = (raw.get(name) for name in ("generator", "repository", "deployed"))
        return Configuration(
            files=tuple(self._files(raw)),
            rules=self._rules(raw.get("rules", {}), environment),
            generator=Generator(tuple(generator["command"]), generator.get("timeout_s", 60.0)) if generator else None,
            deployed=self.inside(deployed, ("config", "deployed")) if deployed else None,
            repository=self.inside(repository, ("config", "repository")) if repository else None,
        )

    def _files(self, raw: dict[str, Any]) -> list[ConfigFile]:
        listed: list[tuple[str, Path_, str]] = [(kind, ("config", kind), raw[kind]) for kind in SINGLE if kind in raw]
        listed += [(kind, ("config", kind, i), text) for kind in SEVERAL for i, text in enumerate(raw.get(kind, ()))]
        files = []
        for kind, where, text in listed:
            path = self.inside(text, where)
            name = os.path.relpath(path, self._root)
            files.append(ConfigFile(_KIND.get(kind, kind), name, path))
        return files

    def _rules(self, raw: dict[str, Any], environment: str) -> ConfigRules:
        where = ("config", "rules", "metrics_pages")
        return ConfigRules(
            exposed=raw.get("exposed", environment != "development"),
            client_timeout_s=raw.get("client_timeout_s"),
            smaller_context=tuple(raw.get("smaller_context", ())),
            set_elsewhere=tuple(raw.get("set_elsewhere", ())),
            known_secrets=tuple(raw.get("known_secrets", ())),
            required_alerts=_alerts(raw.get("required_alerts")),
            exported_metrics=tuple(raw.get("exported_metrics", ())),
            metrics_pages=tuple(self.inside(text, (*where, i)) for i, text in enumerate(raw.get("metrics_pages", ()))),
            public_paths=tuple(PublicPath(**item) for item in raw.get("public_paths", ())),
            kubernetes=_kubernetes(raw.get("kubernetes", {})),
        )

    def artifacts(self, raw: dict[str, Any]) -> Artifacts:
        """The section ``artifacts``."""
        hub = raw.get("hub", {})
        for i, item in enumerate(raw.get("datasets", ())):
            if item["expect"] in json.dumps(item["query"], ensure_ascii=False):
                where = ("artifacts", "datasets", i, "expect")
                self._file.problem(where, "stands in the query: a store that repeats the query would pass")
        return Artifacts(
            registry=self.inside(raw["registry"], ("artifacts", "registry")) if "registry" in raw else None,
            scans=tuple(self.inside(text, ("artifacts", "scans", i)) for i, text in enumerate(raw.get("scans", ()))),
            max_critical=raw.get("max_critical", 0),
            image_registries={
                registry_host(host): ImageRegistry(
                    item["url"].rstrip("/"),
                    item.get("user", ""),
                    self._file.secret(item.get("password"), ("artifacts", "image_registries", host, "password")),
                )
                for host, item in raw.get("image_registries", {}).items()
            },
            check_images=raw.get("check_images", "image_registries" in raw),
            hub_url=hub.get("url", Artifacts.hub_url).rstrip("/"),
            hub_token=self._file.secret(hub.get("token"), ("artifacts", "hub", "token")),
            datasets=tuple(
                Dataset(
                    item["name"], item["url"], item["query"], item["expect"],
                    self._file.secret(item.get("key"), ("artifacts", "datasets", i, "key")),
                )
                for i, item in enumerate(raw.get("datasets", ()))
            ),
        )  # fmt: skip


def _alerts(raw: list[str] | dict[str, str] | None) -> dict[str, str] | None:
    return dict.fromkeys(raw, "") if isinstance(raw, list) else raw


def _kubernetes(raw: dict[str, Any]) -> KubernetesRules:
    return KubernetesRules(
        version=str(raw.get("version", "")),
        resources=raw.get("resources", {}),
        replicas={name: (bounds["min"], bounds["max"]) for name, bounds in raw.get("replicas", {}).items()},
        volumes=raw.get("volumes", {}),
        startup_s=raw.get("startup_s", {}),
    )
