import numpy as np
import pytest
from scipy import sparse
from sklearn.kernel_ridge import KernelRidge

from glassdex.sae.encoded_bank import EncodedBank
from glassdex.search.property import RIDGE, SHARPNESS, PropertyMap

N, WIDTH, D_SAE = 7, 6, 11


@pytest.fixture
def bank():
    generator = np.random.default_rng(0)
    wordings = generator.normal(size=(2 * N, WIDTH))
    wordings /= np.linalg.norm(wordings, axis=1, keepdims=True)
    latents = generator.normal(size=(N, D_SAE)) * (generator.random((N, D_SAE)) < 0.4)
    return EncodedBank(
        names=[f"property {n}" for n in range(N)],
        groups=["test"] * N,
        wordings=wordings.astype(np.float32),
        owners=np.repeat(np.arange(N), 2),
        dense=generator.normal(size=(N, WIDTH)).astype(np.float32),
        latents=sparse.csr_array(latents.astype(np.float32)),
    )


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_directions_are_those_of_kernel_ridge_regression(bank):
    wordings = bank.wordings.astype(np.float64)
    mean = wordings.mean(0)
    centres = unit((wordings - mean).reshape(N, 2, WIDTH).sum(1))
    # exp(2 (cos - 1)) is a Gaussian kernel on the unit sphere: |a - b|^2 = 2 - 2 cos.
    oracle = KernelRidge(alpha=RIDGE, kernel="rbf", gamma=SHARPNESS / 2)
    oracle.fit(centres, np.hstack([bank.dense, bank.latents.toarray()]))
    query = unit(np.random.default_rng(1).normal(size=WIDTH))
    known = PropertyMap(bank).look_up(query)
    wanted = oracle.predict(unit(query - mean)[None])[0]
    np.testing.assert_allclose(known.dense, wanted[:WIDTH], atol=1e-6)
    np.testing.assert_allclose(known.latents, wanted[WIDTH:], atol=1e-6)


def test_a_wording_of_the_bank_is_covered_and_nearest_to_itself(bank):
    known = PropertyMap(bank).look_up(bank.wordings[5].astype(np.float64))
    assert known.coverage > 0.99
    assert known.nearest[0][0] == "property 2"
    assert known.nearest[0][1] == pytest.approx(1, abs=1e-6)
    cosines = [cosine for _, cosine in known.nearest]
    assert cosines == sorted(cosines, reverse=True)


def test_what_is_far_from_all_wordings_is_not_covered(bank):
    query = np.linalg.svd(bank.wordings[:2].astype(np.float64))[2][-1]
    near = bank.wordings.astype(np.float64)
    far = EncodedBank(**{**{n: getattr(bank, n) for n in bank.__slots__}, "wordings": near})
    far.wordings[:] = unit(near - np.outer(near @ query, query))
    assert PropertyMap(far).look_up(query).coverage < 0.01
