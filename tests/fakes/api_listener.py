"""A listener that notes who asks for what. Left out: TLS, objects and every answer but an empty one."""

from aiohttp import web


class Server:
    """Notes who asks for what in whose name; a token that is not the present one is not accepted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.token = "first"
        self.refusal = ""
        self.groups: set[str] = set()
        self.ports: set[int] = set()

    async def handle(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.refusal:
            return web.json_response({"message": self.refusal}, status=403)
        if token != self.token:
            return web.json_response({"message": "Unauthorized"}, status=401)
        self.groups |= {name for name in request.headers if name.startswith("Impersonate-Group")}
        assert request.transport is not None
        self.ports.add(request.transport.get_extra_info("peername")[1])
        self.asked.append((request.path, request.headers.get("Impersonate-User", ""), token))
        return web.json_response({"resources": [], "versions": []})
