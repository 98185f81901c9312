"""How the embedded engine is configured: for loading, and for searching a large index.

Everything that can stay on disk does (`Memory.Cold`): the operating system caches what is
used. An engine writes into one open segment, whose sparse vectors it indexes in memory
(some 20 bytes an entry); sealing the segment moves that to disk.
"""

import qdrant_edge as edge

from glassdex.store.filters import RESERVED
from glassdex.store.types import Point, StoreSchema

SEAL_AT = 5_000_000
"""Weight of unsealed points at which a segment is sealed: about 7,000 documents of 450 entries.

Sealing then peaks at some 200 MB and takes about a second; more documents a segment would
search faster, but peak higher.
"""

POINT_WEIGHT = 250
"""What a point weighs besides its sparse entries, which weigh 1 each."""

GRAPH_POINTS = 300_000
"""Points from which on a graph is worth building; exact search takes 15 ms per 100,000."""

_SPARSE_SCAN_POINTS = 100
"""Filters that leave fewer points of a segment are searched point by point, which is slow."""

_SMALL_SEGMENT_KB = 8_000
_LARGE_SEGMENT_KB = 100_000
"""Largest segments that others are merged into; merging peaks at some three times that."""


def weight(point: Point) -> int:
    """What an unsealed point costs, in units of one sparse entry."""
    return POINT_WEIGHT + sum(len(vector) for vector in point.sparse.values())


def loading_config(schema: StoreSchema) -> edge.EdgeConfig:
    """No graph and no merging: sealing costs time in proportion to what was written."""
    return _config(schema, graph_edges=0, segment_kb=_SMALL_SEGMENT_KB)


def searching_config(schema: StoreSchema) -> edge.EdgeConfig:
    """Large segments, each with an HNSW graph over its dense vectors."""
    return _config(schema, graph_edges=16, segment_kb=_LARGE_SEGMENT_KB)


def _config(schema: StoreSchema, graph_edges: int, segment_kb: int) -> edge.EdgeConfig:
    """Stored vectors are unit vectors already: the dot product leaves them as they are."""
    cold = edge.Memory.Cold
    return edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(
                size=dimension,
                distance=edge.Distance.Dot,
                datatype=_datatype(schema, name),
                memory=cold,
            )
            for name, dimension in schema.dense.items()
        },
        sparse_vectors={
            name: edge.EdgeSparseVectorParams(
                full_scan_threshold=_SPARSE_SCAN_POINTS,
                modifier=edge.Modifier.Idf if weighted else None,
                datatype=_datatype(schema, name),
                memory=cold,
            )
            for name, weighted in schema.sparse.items()
        },
        hnsw_config=edge.HnswIndexConfig(
            m=graph_edges, ef_construct=100, full_scan_threshold=10_000, memory=cold
        ),
        optimizers=edge.EdgeOptimizersConfig(max_segment_size=segment_kb, indexing_threshold=1_000),
        payload_memory=cold,
        id_tracker_memory=cold,
    )


def _datatype(schema: StoreSchema, name: str) -> edge.VectorStorageDatatype:
    half = name in schema.half
    return edge.VectorStorageDatatype.Float16 if half else edge.VectorStorageDatatype.Float32


def index_operations() -> list[edge.UpdateOperation]:
    """Indexes of the payload keys that filters use most: 20 times faster than reading payloads."""
    params = edge.KeywordIndexParams(memory=edge.Memory.Cold, enable_hnsw=False)
    return [edge.UpdateOperation.create_field_index(key, params) for key in sorted(RESERVED)]
