"""The part of Qdrant's HTTP interface that the store uses, served over the client's local mode.

A client of a server written so sends and reads real requests: what is tested is that points
survive their way through JSON, and that refusals and silences are understood.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from qdrant_client import QdrantClient, models

LARGEST_BODY = 32 * 2**20


@dataclass
class Faults:
    """What the server does instead of answering, and what it was asked."""

    api_key: str | None = None
    statuses: list[int] = field(default_factory=list)
    delay: float = 0.0
    requests: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Server:
    url: str
    faults: Faults


def _result(value: object) -> JSONResponse:
    return JSONResponse({"result": value, "status": "ok", "time": 0.0})


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": {"error": message}, "time": 0.0}, status_code=status)


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json", exclude_none=True)


def make_app(local: QdrantClient, faults: Faults) -> FastAPI:
    app = FastAPI()
    _guard(app, faults)
    _collection_routes(app, local)
    _point_routes(app, local)
    return app


def _guard(app: FastAPI, faults: Faults) -> None:
    @app.middleware("http")
    async def guard(request: Request, forward):
        body = await request.body()
        faults.requests.append((request.method, request.url.path, len(body)))
        await asyncio.sleep(faults.delay)
        if faults.api_key is not None and request.headers.get("api-key") != faults.api_key:
            return _error(401, "Must provide an API key or an Authorization bearer token")
        if faults.statuses:
            return _error(faults.statuses.pop(0), "fault")
        if len(body) > LARGEST_BODY:
            return _error(413, "Payload too large")
        try:
            return await forward(request)
        except ValueError as error:
            missing = "not found" in str(error)
            return _error(404 if missing else 400, str(error))


def _collection_routes(app: FastAPI, local: QdrantClient) -> None:
    @app.get("/collections")
    async def collections():
        return _result(_plain(local.get_collections()))

    @app.get("/collections/{name}/exists")
    async def exists(name: str):
        return _result({"exists": local.collection_exists(name)})

    @app.get("/collections/{name}")
    async def collection(name: str):
        return _result(_plain(local.get_collection(name)))

    @app.put("/collections/{name}")
    async def create(name: str, body: models.CreateCollection):
        local.create_collection(
            name,
            vectors_config=body.vectors,
            sparse_vectors_config=body.sparse_vectors,
            metadata=body.metadata,
        )
        return _result(True)

    @app.patch("/collections/{name}")
    async def update(name: str, body: models.UpdateCollection):
        return _result(local.update_collection(name, metadata=body.metadata))

    @app.delete("/collections/{name}")
    async def drop(name: str):
        return _result(local.delete_collection(name))

    @app.put("/collections/{name}/index")
    async def index(name: str, body: models.CreateFieldIndex):
        return _result({"operation_id": 0, "status": "completed"})


def _point_routes(app: FastAPI, local: QdrantClient) -> None:
    @app.put("/collections/{name}/points")
    async def upsert(name: str, body: models.PointsList):
        return _result(_plain(local.upsert(name, body.points)))

    @app.post("/collections/{name}/points")
    async def retrieve(name: str, body: models.PointRequest):
        found = local.retrieve(name, body.ids, body.with_payload, body.with_vector)
        return _result(_plain(found))

    @app.post("/collections/{name}/points/delete")
    async def delete(name: str, body: models.FilterSelector):
        return _result(_plain(local.delete(name, body)))

    @app.post("/collections/{name}/points/scroll")
    async def scroll(name: str, body: models.ScrollRequest):
        records, offset = local.scroll(
            name,
            body.filter,
            body.limit,
            offset=body.offset,
            with_payload=body.with_payload,
            with_vectors=body.with_vector,
        )
        return _result({"points": _plain(records), "next_page_offset": offset})

    @app.post("/collections/{name}/points/query")
    async def query(name: str, body: models.QueryRequest):
        return _result(_plain(local.query_batch_points(name, [_without_params(body)])[0]))

    @app.post("/collections/{name}/points/query/batch")
    async def query_batch(name: str, body: models.QueryRequestBatch):
        searches = [_without_params(search) for search in body.searches]
        return _result(_plain(local.query_batch_points(name, searches)))

    @app.post("/collections/{name}/points/count")
    async def count(name: str, body: models.CountRequest):
        return _result(_plain(local.count(name, body.filter, body.exact)))

    @app.post("/collections/{name}/facet")
    async def facet(name: str, body: models.FacetRequest):
        return _result(_plain(local.facet(name, body.key, body.filter, body.limit, body.exact)))


def _without_params(request: models.QueryRequest) -> models.QueryRequest:
    """Local mode is always exact and warns about being told so."""
    return request.model_copy(update={"params": None})


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of this machine, in a thread of its own."""
    faults = Faults()
    local = QdrantClient(":memory:")
    config = uvicorn.Config(
        make_app(local, faults), port=0, log_level="error", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Server(f"http://127.0.0.1:{port}", faults)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        local.close()
