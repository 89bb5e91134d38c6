"""The floor: a bare watcher that writes a record and scales, and back; nothing else that an operator has to do."""

import asyncio
import json
import os

from kubernetes.aio import client, config

from runbook_operator.io.kube import Kube, connect

NAMESPACE = json.loads(os.environ["RUNBOOK_NAMESPACES"])[0]
SWITCHES = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches"
SCALE = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web/scale"


async def main() -> None:
    """Watch for ever, by one connection that never reconnects."""
    settings = client.Configuration()
    await config.load_kube_config(client_configuration=settings)
    watcher, kube = client.ApiClient(configuration=settings), await connect(5)
    request = await watcher.param_serialize(
        method="GET", resource_path=SWITCHES, query_params=[("watch", "true")], auth_settings=["BearerToken"]
    )
    response = await watcher.call_api(*request, _request_timeout=3600, _preload_content=False)
    engaged = False
    async for line in response.response.content:
        wanted = json.loads(line)["object"]["spec"].get("engaged") is True
        if wanted != engaged:
            engaged = wanted
            await act(kube, engaged=engaged)


async def act(kube: Kube, *, engaged: bool) -> None:
    phase = "Engaged" if engaged else "Released"
    await kube.merge(f"{SWITCHES}/shop-stop/status", {"status": {"phase": phase}})
    await kube.merge(SCALE, {"spec": {"replicas": 0 if engaged else 3}})


if __name__ == "__main__":
    asyncio.run(main())
