"""An InfluxDB on loopback that speaks the wire format of `/query`, for the tests of what asks one.

The answers and errors are those that InfluxDB 1.6.7 gives to the same requests. It understands
`SELECT mean(value) FROM MEASUREMENT WHERE (time > T - Nm AND time <= T)`, also with s for m and with
GROUP BY pod. Left out: every other function and clause, retention policies, chunks, and the position in a parse error.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

SELECT = re.compile(
    r"SELECT mean\(value\) FROM (\w+) "
    r"WHERE \(time > '([^']+)' - (\d+)(m|s) AND time <= '([^']+)'\)( GROUP BY pod)?"
)
UNITS = {"m": timedelta(minutes=1), "s": timedelta(seconds=1)}
Point = tuple[datetime, str, float]


@dataclass
class InfluxDB:
    """`points` by measurement: the time, the pod and the value. It accepts `authorization` alone, if there is one."""

    points: dict[str, list[Point]] = field(default_factory=dict)
    authorization: str = ""
    database: str = "shop"
    asked: list[Mapping[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        self.headers.append(request.headers)
        if request.method != "POST" or request.path != "/query" or form.get("epoch") != "ms":
            return web.Response(status=404, text="404 page not found\n")
        if self.authorization and request.headers.get("Authorization") != self.authorization:
            return web.json_response({"error": "authorization failed"}, status=401)
        if form["db"] != self.database:
            return results({"statement_id": 0, "error": f"database not found: {form['db']}"})
        if not (found := SELECT.fullmatch(form["q"])):
            return web.json_response({"error": "error parsing query: found EOF, expected FROM"}, status=400)
        measurement, begin, number, unit, end, by_pod = found.groups()
        until, since = moment(end), moment(begin) - int(number) * UNITS[unit]
        inside = [one for one in self.points.get(measurement, ()) if since < one[0] <= until]
        return results({"statement_id": 0} | _series(measurement, inside, since, by_pod=bool(by_pod)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def results(*found: Mapping[str, Any]) -> web.Response:
    return web.json_response({"results": list(found)})


def _series(name: str, points: list[Point], since: datetime, *, by_pod: bool) -> dict[str, Any]:
    groups: dict[str, list[float]] = defaultdict(list)
    for _, pod, value in points:
        groups[pod if by_pod else ""].append(value)
    series = [
        {"name": name}
        | ({"tags": {"pod": pod}} if by_pod else {})
        | {"columns": ["time", "mean"], "values": [[round(since.timestamp() * 1000), sum(values) / len(values)]]}
        for pod, values in sorted(groups.items())
    ]
    return {"series": series} if series else {}
