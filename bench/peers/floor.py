"""The floor: a bare watcher that writes a record and scales, and back; nothing else that an operator has to do.

What it does is the job itself: the record, with what was there, before the effect; the restore from the record; what
was thrown while it was away. It leaves out whatever makes an operator of it: retries, back-off and locks against
others (a request that fails ends it), a lease and a second replica, drift of the target, a finalizer, preconditions,
conditions, Events, logs and metrics, and everything that the operator can do beside scaling.
"""

import asyncio
import base64
import json
import os
import ssl
import uuid
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

NAMESPACE = json.loads(os.environ["RUNBOOK_NAMESPACES"])[0]
SWITCHES = f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
MERGE = {"Content-Type": "application/merge-patch+json"}
Body = dict[str, Any]


class Floor:
    """Deployments as they are, the records of what is engaged, and one task for each change of a switch."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.targets: dict[str, Body] = {}
        self.records: dict[str, Body] = {}
        self.turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.moving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        known = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follow(DEPLOYMENTS, self.note, known))
            await known.wait()
            group.create_task(self.follow(SWITCHES, self.look, asyncio.Event()))

    async def follow(self, path: str, see: Callable[[Body], None], known: asyncio.Event) -> None:
        """List and watch, for as long as the server lets it, and then again."""
        while True:
            async with self.http.get(path) as answer:
                listed = await answer.json()
            for one in listed["items"]:
                see(one)
            known.set()
            query = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
            async with self.http.get(path, params=query) as answer:
                async for line in answer.content:
                    see(json.loads(line)["object"])

    def note(self, target: Body) -> None:
        self.targets[target["metadata"]["name"]] = target

    def look(self, switch: Body) -> None:
        """Move it where it is not as the lever says; the record of a process before this one is gone on with."""
        name = switch["metadata"]["name"]
        wanted = switch["spec"].get("engaged") is True
        found = switch.get("status", {}).get("record")
        if wanted != (name in self.records) or (found and name not in self.records):
            task = asyncio.create_task(self.move(name, switch["spec"]["runbook"], found, wanted=wanted))
            self.moving.add(task)
            task.add_done_callback(self.moved)

    def moved(self, task: asyncio.Task[None]) -> None:
        self.moving.discard(task)
        task.result()

    async def move(self, name: str, target: str, found: Body | None, *, wanted: bool) -> None:
        async with self.turns[name]:
            if wanted and name not in self.records:
                self.records[name] = found or await self.recorded(name, target)
                await self.scale(target, 0)
            elif not wanted and (record := self.records.get(name, found)):
                await self.scale(target, record["actions"][0]["saved"])
                await self.patch(f"{SWITCHES}/{name}/status", {"status": {"phase": "Released", "record": None}})
                self.records.pop(name, None)

    async def recorded(self, name: str, target: str) -> Body:
        observed = self.targets[target]
        action = {
            "action": "scale",
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": target,
            "uid": observed["metadata"]["uid"],
            "saved": observed["spec"]["replicas"],
            "held": 0,
        }
        began = datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 # a peer has no clock of the operator's
        record = {"engagementId": uuid.uuid4().hex, "engagedAt": began, "actions": [action]}
        await self.patch(f"{SWITCHES}/{name}/status", {"status": {"phase": "Engaged", "record": record}})
        return record

    async def scale(self, target: str, replicas: int) -> None:
        await self.patch(f"{DEPLOYMENTS}/{target}/scale", {"spec": {"replicas": replicas}})

    async def patch(self, path: str, body: Body) -> None:
        async with self.http.patch(path, data=json.dumps(body), headers=MERGE) as answer:
            await answer.read()


async def main(config: Body) -> None:
    """Serve the one namespace for ever."""
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority))
    async with aiohttp.ClientSession(
        cluster["server"],
        connector=connector,
        headers={"Authorization": f"Bearer {user['token']}"},
        timeout=aiohttp.ClientTimeout(total=None),
        raise_for_status=True,
        read_bufsize=2**20,
    ) as http:
        await Floor(http).run()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(os.environ["KUBECONFIG"]).read_text())))
