"""The chart, rendered by Helm's own library, against Kubernetes' own schemas."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parents[1]
TOOLS = HERE.parents[1] / ".tools/bin"
VALUES = {
    "as it comes": "",
    "with an ingress": "ingress: {enabled: true, className: nginx, host: workshops.example.org, tlsSecret: tls}\n",
}


@pytest.fixture(scope="module", params=VALUES)
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (TOOLS / "kubernetes-validate").exists():
        pytest.skip("no Helm and no kubernetes-validate: make tools")
    folder = tmp_path_factory.mktemp("chart")
    values = folder / "values.yaml"
    values.write_text(VALUES[request.param])
    command = [str(TOOLS / "python"), str(HERE / "render.py"), *([str(values)] if VALUES[request.param] else [])]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    (folder / "chart.yaml").write_text(done.stdout)
    return folder / "chart.yaml"


def objects(manifests: Path) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(manifests.read_text()) if item]


def test_kubernetes_takes_every_object(manifests: Path) -> None:
    command = [str(TOOLS / "kubernetes-validate"), "--strict", "--quiet", str(manifests)]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_pod_is_confined_probed_bounded_and_behind_a_policy(manifests: Path) -> None:
    found = objects(manifests)
    policies = [item["spec"]["podSelector"]["matchLabels"] for item in found if item["kind"] == "NetworkPolicy"]
    running = [item for item in found if item["kind"] in {"Deployment", "StatefulSet"}]
    assert len(running) == 5
    for item in running:
        pod = item["spec"]["template"]
        assert pod["metadata"]["labels"] in policies, item["metadata"]["name"]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        [container] = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["resources"]["limits"]["memory"]
        assert {"startupProbe", "livenessProbe"} <= container.keys()


def test_the_schema_comes_before_the_pods_and_secrets_are_never_in_the_chart(manifests: Path) -> None:
    found = objects(manifests)
    [job] = [item for item in found if item["kind"] == "Job"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert not [item for item in found if item["kind"] == "Secret"]
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in found if item["kind"] == "HorizontalPodAutoscaler"}
    assert scaled == {"wod-api-db", "wod-portal"}
