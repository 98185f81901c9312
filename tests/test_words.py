import pytest

from glassdex.words import WordEncoder


@pytest.fixture(scope="module")
def words():
    return WordEncoder()


def index_of(words, word):
    """The dimension of a word."""
    (index,) = words.query(word).indices.tolist()
    return index


def bm25(frequency, length, average=64.0, k=1.2, b=0.75):
    return frequency * (k + 1) / (frequency + k * (1 - b + b * length / average))


def test_weights_follow_the_formula(words):
    found = words.document("The running dogs run quickly, and quickly run the dogs; run!").as_dict()
    expected = {
        index_of(words, "run"): bm25(4, 8),
        index_of(words, "dog"): bm25(2, 8),
        index_of(words, "quickly"): bm25(2, 8),
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_longer_text_weighs_its_words_less(words):
    padded = "whale " + " ".join(f"filler{n}" for n in range(99))
    assert words.document(padded).as_dict()[index_of(words, "whale")] == pytest.approx(bm25(1, 100))


def test_settings_change_the_weights_and_the_description():
    other = WordEncoder(average_length=10, k=2.0, b=0.5)
    found = other.document("whale whale sea").as_dict()
    assert found[index_of(other, "whale")] == pytest.approx(bm25(2, 3, 10, 2.0, 0.5))
    assert other.describe() == {
        "words": "qdrant-bm25-english",
        "words_average_length": 10,
        "words_k": 2.0,
        "words_b": 0.5,
    }


def test_a_query_has_weight_one_for_each_distinct_word(words):
    found = words.query("Whales, whale and the WHALE of the seas").as_dict()
    assert found == {index_of(words, "whale"): 1.0, index_of(words, "sea"): 1.0}


def test_case_and_form_of_a_word_do_not_matter(words):
    assert index_of(words, "RUNNING") == index_of(words, "runs") == index_of(words, "run")


@pytest.mark.parametrize("text", ["", "  \n", "the of and", "?!", "😀"])
def test_a_text_without_words_has_no_dimensions(words, text):
    assert len(words.document(text)) == len(words.query(text)) == 0


def test_words_of_other_scripts_and_numbers_count(words):
    vector = words.document("naïve 東京 2024 Ελλάδα")
    assert len(vector) == 4
    assert set(words.query("東京").indices.tolist()) <= set(vector.indices.tolist())


def test_a_document_does_not_depend_on_those_before(words):
    first = words.document("a whale at sea")
    words.document("something else " * 50)
    assert words.document("a whale at sea") == first
    assert WordEncoder().document("a whale at sea") == first
