import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import FingerprintError, UsageError
from glassdex.indexer.document import Document
from glassdex.indexer.index import DENSE, LATENTS, Index
from glassdex.indexer.pruning import Pruning
from glassdex.indexer.run import index_documents
from glassdex.settings import Settings

CODES = st.lists(st.lists(st.integers(0, 9), min_size=8, max_size=8), max_size=6)


@settings(deadline=None)
@given(codes=CODES, strongest=st.none() | st.integers(1, 9), least=st.sampled_from([0, 0.5, 2]))
def test_keeps_the_strongest_shares_of_the_percentile(codes, strongest, least):
    scale = np.array([1, 2, 4, 1, 2, 4, 1, 2], np.float32)
    values = np.array(codes, np.float32).reshape(-1, 8)
    kept = Pruning(strongest, least).prune(sp.csr_array(values), scale).toarray()
    for row, pruned in zip(values, kept, strict=True):
        ranked = sorted((-v / s, n) for n, (v, s) in enumerate(zip(row, scale, strict=True)) if v)
        chosen = [n for share, n in ranked if -share >= least][:strongest]
        assert np.flatnonzero(pruned).tolist() == sorted(chosen)
        assert np.array_equal(pruned[chosen], row[chosen])


@pytest.mark.parametrize(("strongest", "least"), [(0, 0), (5, -1), (5, float("nan"))])
def test_impossible_numbers_are_refused(strongest, least):
    with pytest.raises(UsageError, match="use"):
        Pruning(strongest, least)


def test_an_index_keeps_what_it_was_made_to_keep(tmp_path, sae_folder, demo_texts):
    settings = Settings(home=tmp_path, url=None)
    documents = [Document(str(n), "d", "text", text) for n, text in enumerate(demo_texts[:6])]
    two = Pruning(2, 0.1)
    with Index.open_or_create(settings, sae=str(sae_folder), pruning=two) as index:
        index_documents(index, documents)
        scale = index.bundle.catalogue.scale
        encoded = index.bundle.encoder.encode([d.text for d in documents])
        wanted = two.prune(encoded.latents, scale).toarray().astype(np.float16)
        records = index.documents.get([d.point_id for d in documents], vectors=[LATENTS, DENSE])
    for row, record in enumerate(records):
        stored = np.zeros(len(scale), np.float16)
        stored[record.sparse[LATENTS].indices] = record.sparse[LATENTS].values
        assert np.array_equal(stored, wanted[row])
        assert len(record.sparse[LATENTS]) <= 2
        assert np.array_equal(record.dense[DENSE], encoded.dense[row].astype(np.float16))
    with Index.open(settings) as index:
        assert index.pruning == two
    with pytest.raises(FingerprintError, match="keep is 2 there and 5 here"):
        Index.open_or_create(settings, pruning=Pruning(5, 0.1))
