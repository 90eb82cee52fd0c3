"""Compose file and Kubernetes manifests: well-formed by the programs and schemas that read them, closed to the
outside, without a secret in them, and of pieces that are there.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKER, KUBERAY = REPOSITORY / "docker", REPOSITORY / "infra" / "kuberay"
KUBERNETES = "1.37"
_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|KEY$")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8")))


def documents() -> list[dict[str, Any]]:
    files = [path for path in sorted(KUBERAY.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return [one for path in files for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod template of the manifests, with the name of what it belongs to."""
    for one in documents():
        if one["kind"] == "RayCluster":
            yield "head", one["spec"]["headGroupSpec"]["template"]
            yield from ((group["groupName"], group["template"]) for group in one["spec"]["workerGroupSpecs"])
        elif "template" in one.get("spec", {}):
            yield one["metadata"]["name"], one["spec"]["template"]


def containers() -> Iterator[dict[str, Any]]:
    for _, pod in pods():
        yield from pod["spec"]["containers"]


def compose_program() -> list[str]:
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("no docker compose; apt-get install docker-compose")


def config(folder: Path, password: str) -> subprocess.CompletedProcess[str]:
    """`docker compose config` of a copy, every password set to `password`."""
    shutil.copytree(DOCKER, folder / "docker")
    names = (folder / "docker" / ".env.example").read_text(encoding="utf-8")
    (folder / "docker" / ".env").write_text(re.sub(r"=$", f"={password}", names, flags=re.M), encoding="utf-8")
    shutil.copy(folder / "docker" / "keys.env.example", folder / "docker" / "keys.env")
    command = [*compose_program(), "-f", "docker/compose.yaml", "--env-file", "docker/.env", "config"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    done = config(tmp_path, "s3cr3t")
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert resolved.keys() == compose()["services"].keys()
    assert "s3cr3t" in resolved["prefect-server"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"]


def test_compose_refuses_to_go_without_passwords(tmp_path: Path) -> None:
    done = config(tmp_path, "")
    assert done.returncode != 0
    assert "docker/.env" in done.stderr


def test_only_loopback_is_published_and_every_service_is_watched() -> None:
    for name, service in compose()["services"].items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["restart"] == "on-failure" or (
            service["healthcheck"]["test"] and service["restart"] == "unless-stopped"
        ), name
        assert all(one in compose()["services"] for one in service.get("depends_on", {})), name


def test_images_are_ours_or_pinned() -> None:
    found = {service["image"] for service in compose()["services"].values()} | {c["image"] for c in containers()}
    for image in found:
        assert image.startswith("deepmath-curation") or re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", image), image
    kustomization = yaml.safe_load((KUBERAY / "kustomization.yaml").read_text(encoding="utf-8"))
    ours = {one["name"] for one in kustomization["images"]}
    assert {c["image"] for c in containers() if c["image"].startswith("deepmath")} == ours
    targets = set(re.findall(r"^FROM .* AS (\w+)$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.M))
    assert {one["newTag"] for one in kustomization["images"]} == targets


def test_no_secret_is_written_down() -> None:
    for name, service in compose()["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if _SECRET.search(variable) or ("://" in str(value) and "@" in str(value)):
                assert "${" in str(value), f"{variable} of {name}"
    for container in containers():
        for one in container.get("env", ()):
            if _SECRET.search(one["name"]):
                assert "value" not in one and one["valueFrom"]["secretKeyRef"], one["name"]
    assert not [one for one in documents() if one["kind"] == "Secret"]


def test_the_page_makes_every_secret_and_claim() -> None:
    page = (KUBERAY / "README.md").read_text(encoding="utf-8")
    asked = {one["secretRef"]["name"] for c in containers() for one in c.get("envFrom", ())}
    asked |= {
        one["valueFrom"]["secretKeyRef"]["name"]
        for c in containers()
        for one in c.get("env", ())
        if "valueFrom" in one
    }
    assert asked == set(re.findall(r"create secret generic (\S+)", page))
    claims = {
        v["persistentVolumeClaim"]["claimName"]
        for _, pod in pods()
        for v in pod["spec"].get("volumes", ())
        if "persistentVolumeClaim" in v
    }
    assert all(f"`{one}`" in page for one in claims)


@pytest.mark.parametrize("one", documents(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_a_manifest_is_what_kubernetes_reads(one: dict[str, Any]) -> None:
    if one["kind"] != "RayCluster":
        kubernetes_validate.validate(one, KUBERNETES, strict=True)
        return
    schema = yaml.safe_load((Path(__file__).parent / "raycluster.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(one)
    assert one["spec"]["rayVersion"] == metadata.version("ray")


@pytest.mark.parametrize(("name", "pod"), [*pods()])
def test_a_pod_is_what_kubernetes_reads(name: str, pod: dict[str, Any]) -> None:
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod["spec"]}
    kubernetes_validate.validate(whole, KUBERNETES, strict=True)
    wrong = copy.deepcopy(whole)
    wrong["spec"]["containers"][0]["imagee"] = "typo"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)
    mounted = {mount["name"] for c in pod["spec"]["containers"] for mount in c.get("volumeMounts", ())}
    assert mounted <= {v["name"] for v in pod["spec"].get("volumes", ())} | {"data"}


def test_the_driver_node_has_no_capacity() -> None:
    cluster = next(one for one in documents() if one["kind"] == "RayCluster")
    params = cluster["spec"]["headGroupSpec"]["rayStartParams"]
    assert (params["num-cpus"], params["num-gpus"]) == ("0", "0")
    driver = (DOCKER / "driver.sh").read_text(encoding="utf-8")
    assert "--num-cpus=0 --num-gpus=0" in driver and os.access(DOCKER / "driver.sh", os.X_OK)


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool; apt-get install prometheus")
    rules = REPOSITORY / "infra" / "prometheus" / "rules.yml"
    text = (DOCKER / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/rules.yml", str(rules)), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("node", "worker"), [("sleep 300", "exit 0"), ("false", "exec sleep 300")])
def test_the_driver_node_ends_with_either_of_its_two(tmp_path: Path, node: str, worker: str) -> None:
    done = subprocess.run(DOCKER / "driver.sh", env=driver_env(tmp_path, node, worker), timeout=60, check=False)
    assert done.returncode == 1
    assert not_ended(tmp_path) == []


def test_the_driver_node_is_stopped_in_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        DOCKER / "driver.sh", env=driver_env(tmp_path, "sleep 300", "touch $MARK; exec sleep 300")
    )
    while not (tmp_path / "began").exists():
        assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert not_ended(tmp_path) == []


def driver_env(folder: Path, node: str, worker: str) -> dict[str, str]:
    """An environment in which Ray's node and the Prefect worker are these commands."""
    (folder / "python").write_text(f"#!/bin/sh\n{worker}\n", encoding="utf-8")
    (folder / "python").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return {"PATH": path, "KUBERAY_GEN_RAY_START_CMD": node, "MARK": str(folder / "began")}


def not_ended(folder: Path) -> list[str]:
    """Processes that carry the environment made in this folder."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"MARK={folder}/".encode() in (one / "environ").read_bytes() and (one / "cmdline").read_bytes():
                found.append((one / "cmdline").read_bytes().decode())
    return found
