import numpy as np
import pytest

from glassdex.errors import SAEError
from glassdex.sae import encoded_bank
from glassdex.sae.bundle import BUNDLED, folder_of, load_bundle
from glassdex.sae.encoded_bank import FILE, FLOOR, encode_bank, read_bank, write_bank
from glassdex.sae.properties import BANK, Property, read_properties


def made(name, positives, negatives):
    return Property(name, (f"texts that are {name}",), "test", tuple(positives), tuple(negatives))


PROPERTIES = [
    made("sorry", ["my fault, sorry", "I apologise for the delay"], ["thanks for the delay"]),
    made("cooking", ["boil the rice for ten minutes"], ["paint the wall for ten minutes"]),
    made("grateful", ["thank you so much", "cheers, that helped", "bless you"], ["no, thanks"]),
]


@pytest.fixture(scope="module")
def encoded(bundle):
    return encode_bank(bundle.encoder, bundle.catalogue.scale, PROPERTIES)


def test_a_property_is_its_positives_against_all_texts(bundle, encoded):
    texts = [text for one in PROPERTIES for text in one.texts]
    read = bundle.encoder.encode(texts)
    codes = read.latents.toarray().astype(np.float64) / bundle.catalogue.scale
    spread = np.maximum(codes.std(0), FLOOR)
    for number, rows in enumerate(([0, 1], [3], [5, 6, 7])):
        dense = read.dense[rows].mean(0) - read.dense.mean(0)
        np.testing.assert_allclose(encoded.dense[number], dense, atol=1e-6)
        wanted = (codes[rows].mean(0) - codes.mean(0)) / spread
        np.testing.assert_allclose(encoded.latents[[number]].toarray()[0], wanted, atol=1e-5)


def test_wordings_belong_to_their_properties(bundle, encoded):
    wordings = [w for one in PROPERTIES for w in one.wordings]
    np.testing.assert_allclose(encoded.wordings, bundle.encoder.encode(wordings).dense, atol=1e-6)
    assert encoded.owners.tolist() == [0, 0, 1, 1, 2, 2]
    assert encoded.names == ["sorry", "cooking", "grateful"]


def test_only_the_strongest_latents_are_kept(bundle, encoded, monkeypatch):
    monkeypatch.setattr(encoded_bank, "KEPT", 5)
    few = encode_bank(bundle.encoder, bundle.catalogue.scale, PROPERTIES)
    for row, whole in zip(few.latents.toarray(), encoded.latents.toarray(), strict=True):
        kept = np.flatnonzero(row)
        assert len(kept) == 5
        np.testing.assert_array_equal(row[kept], whole[kept])
        assert np.abs(row[kept]).min() >= np.sort(np.abs(whole))[-5] - 1e-6


def test_blocks_give_what_one_block_gives(bundle, encoded, monkeypatch):
    monkeypatch.setattr(encoded_bank, "_BLOCK", 1)
    told = []
    blocks = encode_bank(bundle.encoder, bundle.catalogue.scale, PROPERTIES, told.append)
    assert told == [1, 1, 1]
    np.testing.assert_allclose(blocks.dense, encoded.dense, atol=1e-6)
    np.testing.assert_allclose(blocks.latents.toarray(), encoded.latents.toarray(), atol=1e-5)


def test_it_is_read_as_it_was_written(bundle, encoded, tmp_path):
    write_bank(tmp_path, encoded, bundle.encoder)
    read = read_bank(tmp_path, bundle.encoder)
    assert (read.names, read.groups) == (list(encoded.names), list(encoded.groups))
    np.testing.assert_allclose(read.dense, encoded.dense, atol=1e-3)
    np.testing.assert_allclose(read.wordings, encoded.wordings, atol=1e-3)
    np.testing.assert_allclose(read.latents.toarray(), encoded.latents.toarray(), rtol=1e-3)
    assert read_bank(tmp_path / "nowhere", bundle.encoder) is None


def test_one_of_another_sae_is_not_used(bundle, encoded, tmp_path):
    write_bank(tmp_path, encoded, bundle.encoder)
    assert read_bank(tmp_path, load_bundle().encoder) is None


def test_a_damaged_one_is_refused(bundle, encoded, tmp_path):
    write_bank(tmp_path, encoded, bundle.encoder)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-100])
    with pytest.raises(SAEError):
        read_bank(tmp_path, bundle.encoder)


def test_the_bundled_sae_has_read_the_bank_that_ships():
    bank = load_bundle().bank
    properties = read_properties(BANK)
    assert (folder_of(BUNDLED) / FILE).exists()
    assert list(bank.names) == [one.name for one in properties]
    assert list(bank.groups) == [one.group for one in properties]
