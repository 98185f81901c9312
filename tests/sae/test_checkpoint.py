import hashlib
import json
import shutil
from pathlib import Path

import pytest

from glassdex.errors import ModelError
from glassdex.sae.checkpoint import (
    DEFAULT_READER,
    DEFAULT_REVISION,
    DEFAULT_SHA256,
    find_checkpoint,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODULES = [
    {"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path, write_bert):
    return write_bert(tmp_path / "tiny")


def test_the_default_is_installed_with_the_published_weights():
    found = find_checkpoint()
    assert (found.name, found.revision) == (DEFAULT_READER, DEFAULT_REVISION)
    assert found.sha256 == DEFAULT_SHA256 == sha256(found.folder / "model.safetensors")
    assert found.tokenizer_sha256 == sha256(found.folder / "tokenizer.json")
    assert (found.window, found.pooling) == (256, "mean")
    assert find_checkpoint(DEFAULT_READER, DEFAULT_REVISION) == found


def test_one_flipped_bit_in_the_weights_is_refused(tmp_path):
    folder = shutil.copytree(find_checkpoint().folder, tmp_path / "copy")
    assert find_checkpoint(str(folder), sha256=DEFAULT_SHA256).sha256 == DEFAULT_SHA256
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)[0]
        file.seek(50_000_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ModelError, match=f"SHA-256 [0-9a-f]{{64}}, but {DEFAULT_SHA256} is wanted"):
        find_checkpoint(str(folder), sha256=DEFAULT_SHA256)


def test_another_revision_of_the_default_is_not_the_installed_one():
    with pytest.raises(ModelError, match="revision v1 of all-MiniLM-L6-v2 was asked for"):
        find_checkpoint(DEFAULT_READER, "v1")


def test_a_local_folder_keeps_its_meaning_in_another_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    found = find_checkpoint("tiny")
    assert (found.name, found.revision) == (str(folder.resolve()), "local")
    assert (found.window, found.pooling) == (48, "mean")
    monkeypatch.chdir("/")
    assert find_checkpoint(found.name, found.revision) == found


def test_weights_that_change_while_we_run_get_another_hash(folder):
    before = find_checkpoint(str(folder)).sha256
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert find_checkpoint(str(folder)).sha256 != before


def test_a_changed_tokenizer_shows(folder):
    before = find_checkpoint(str(folder)).tokenizer_sha256
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace("w59", "w60"))
    assert find_checkpoint(str(folder)).tokenizer_sha256 != before


def test_sharded_weights_are_hashed_together(folder):
    whole = folder / "model.safetensors"
    parts = [folder / f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for part, content in zip(parts, (whole.read_bytes(), b"rest"), strict=True):
        part.write_bytes(content)
    joined = whole.read_bytes() + b"rest"
    whole.unlink()
    assert find_checkpoint(str(folder)).sha256 == hashlib.sha256(joined).hexdigest()


def test_pickled_weights_are_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \.safetensors weights; pickled weights are not"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"has no config\.json: it is not a reader's folder"),
        ("{", r"cannot read .*config\.json"),
        ("[]", r"config\.json holds a list, wanted a dict"),
    ],
)
def test_a_folder_without_a_config_is_no_reader(folder, content, message):
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no such model!", "../elsewhere"])
def test_an_unknown_name_is_one_clear_error_without_a_network(name):
    with pytest.raises(ModelError) as error:
        find_checkpoint(name)
    assert str(error.value).startswith(f"no reader {name!r}: it is not 'all-MiniLM-L6-v2'")
    assert "\n" not in str(error.value)


def test_a_name_on_the_hub_is_pinned_to_its_commit(write_bert):
    from huggingface_hub.constants import HF_HUB_CACHE

    repo = Path(HF_HUB_CACHE) / "models--org--tiny"
    write_bert(repo / "snapshots" / COMMIT)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    found = find_checkpoint("org/tiny")
    assert (found.name, found.revision, found.folder.name) == ("org/tiny", COMMIT, COMMIT)
    assert find_checkpoint("org/tiny", found.revision) == found


@pytest.mark.parametrize(
    ("pooling", "wanted"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True, "word_embedding_dimension": 32}, "cls"),
        ({"pooling_mode": "cls", "embedding_dimension": 32}, "cls"),
        ({"pooling_mode": ["mean"]}, "mean"),
        ({"word_embedding_dimension": 32}, "mean"),
    ],
)
def test_pooling_is_read_in_the_old_spelling_and_the_new(tmp_path, write_bert, pooling, wanted):
    assert find_checkpoint(str(write_bert(tmp_path, pooling))).pooling == wanted


@pytest.mark.parametrize(
    ("pooling", "seen"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "cls and mean"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len"),
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
    ],
)
def test_any_other_pooling_is_refused(tmp_path, write_bert, pooling, seen):
    with pytest.raises(ModelError, match=f"asks for pooling {seen}; wanted mean or cls"):
        find_checkpoint(str(write_bert(tmp_path, pooling)))


def test_the_parts_of_a_model_lie_where_modules_json_says(tmp_path, write_bert):
    write_bert(tmp_path / "0_Transformer")
    write_json(tmp_path / "pooled" / "config.json", {"pooling_mode": "cls"})
    paths = ("0_Transformer", "pooled", "2_Normalize")
    modules = [{**m, "path": path} for m, path in zip(MODULES, paths, strict=True)]
    write_json(tmp_path / "modules.json", modules)
    found = find_checkpoint(str(tmp_path))
    assert (found.folder, found.pooling) == (tmp_path.resolve() / "0_Transformer", "cls")


def test_a_model_whose_embedding_is_transformed_further_is_refused(folder):
    dense = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    write_json(folder / "modules.json", [*MODULES[:2], dense])
    with pytest.raises(ModelError, match=r"modules\.json asks for Dense too"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize(
    ("config", "stated", "window"),
    [
        ({"max_position_embeddings": 128}, None, 128),
        ({"max_position_embeddings": 128}, 64, 64),
        ({"max_position_embeddings": 128}, 300, 128),
        ({"max_position_embeddings": 8192}, None, 512),
        ({"max_position_embeddings": 8192}, 1024, 1024),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, None, 512),
        ({"model_type": "mpnet", "max_position_embeddings": 514}, 514, 512),
        ({"max_position_embeddings": None, "n_positions": 256}, None, 256),
        ({"max_position_embeddings": None}, None, 512),
    ],
)
def test_the_window_is_what_model_and_makers_allow(tmp_path, write_bert, config, stated, window):
    folder = write_bert(tmp_path, **config)
    write_json(folder / "sentence_roberta_config.json", {"max_seq_length": stated})
    assert find_checkpoint(str(folder)).window == window
