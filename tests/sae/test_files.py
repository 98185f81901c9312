import os
import stat

import numpy as np
import pytest

from glassdex.errors import SAEError
from glassdex.sae.files import read_json, read_metadata, read_tensors, write_json, write_tensors


def test_json_comes_back(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": [1, None], "a": "é"})
    assert read_json(path) == {"a": "é", "b": [1, None]}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_tensors_and_header_come_back(tmp_path):
    path = tmp_path / "a.safetensors"
    tensors = {"x": np.arange(6, dtype=np.float32).reshape(2, 3).T, "n": np.array([1, 2])}
    write_tensors(path, tensors, {"note": "é"})
    found = read_tensors(path, {"x": (3, 2), "n": (2,)}, ("F32", "I64"))
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    assert all(found[name].flags.writeable for name in tensors)
    assert read_metadata(path) == {"note": "é"}


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    write_tensors(tmp_path / "a.safetensors", {"x": np.zeros(1, np.float32)})
    before = os.umask(0o027)
    try:
        write_tensors(tmp_path / "b.safetensors", {"x": np.zeros(1, np.float32)})
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / f"{n}.safetensors").stat().st_mode) for n in "ab"]
    assert modes == [0o666 & ~before, 0o640]


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(SAEError, match="not readable JSON"):
        read_json(tmp_path)
    with pytest.raises(SAEError, match="not a whole safetensors file"):
        read_metadata(tmp_path)
