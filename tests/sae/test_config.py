import pytest

from glassdex.errors import SAEError
from glassdex.sae.config import SAEConfig

GOOD = {"d_in": 4, "d_sae": 8, "activation": "topk", "k": 2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"d_in": 0}, "d_in is 0; wanted a whole number from 1"),
        ({"d_sae": 2.5}, "d_sae is 2.5"),
        ({"d_sae": True}, "d_sae is True"),
        ({"activation": "gelu"}, "wanted one of topk, batchtopk, relu, jumprelu"),
        ({"k": None}, "k is None; wanted a whole number"),
        ({"k": 9}, "k is 9; wanted at most d_sae = 8: lower k"),
        ({"activation": "relu"}, "set k to None"),
        ({"activation": "jumprelu"}, "set k to None"),
        ({"matryoshka": (4, 2, 8)}, "wanted ascending sizes that end with d_sae = 8"),
        ({"matryoshka": (2, 4)}, "end with d_sae = 8"),
        ({"matryoshka": (0, 8)}, "matryoshka is 0"),
        ({"scale": 0.0}, "scale is 0.0; wanted a positive number"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": float("inf")}, "scale is inf"),
    ],
)
def test_bad_fields_are_named_with_the_remedy(change, told):
    with pytest.raises(SAEError, match=told.replace("(", r"\(")):
        SAEConfig(**{**GOOD, **change})


def test_good_configurations():
    SAEConfig(**GOOD)
    SAEConfig(d_in=4, d_sae=8, activation="relu", k=None)
    SAEConfig(d_in=4, d_sae=8, activation="batchtopk", k=8, matryoshka=(2, 8))
