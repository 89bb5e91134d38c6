"""Jobs of the action runJob, and the steps that read them."""

from typing import Any

from tests.e2e import api
from tests.e2e.harness import Body, Cluster


def pod(scheduler: str = "default-scheduler", **env: str) -> Body:
    return {
        "schedulerName": scheduler,
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "job",
                "image": "runbooks.dev/demo-app:1.0",
                "imagePullPolicy": "Never",
                "args": ["work"],
                "env": [{"name": name, "value": value} for name, value in env.items()],
            }
        ],
    }


def run_job(spec: Body, **rest: Any) -> Body:
    return {"runJob": {"job": {"template": {"spec": spec}}, **rest}}


def jobs(cluster: Cluster) -> list[Body]:
    return api.items("job", cluster.namespace)
