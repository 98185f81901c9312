import pytest

from glassdex.errors import SAEError
from glassdex.sae.config import SAEConfig
from glassdex.sae.training_config import TrainConfig


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch_size": 1}, "batch_size is 1; wanted 2 or more"),
        ({"epochs": 0}, "epochs is 0"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; wanted a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"warmup": 0.5, "decay": 0.6}, "overlap"),
        ({"warmup": -0.1}, "wanted a share from 0 to 1"),
        ({"aux_k": -1}, "aux_k is -1"),
        ({"aux_coefficient": float("nan")}, "aux_coefficient is nan"),
        ({"dtype": "int8"}, "wanted float16 or float32"),
    ],
)
def test_bad_fields_are_named(change, told):
    with pytest.raises(SAEError, match=told):
        TrainConfig(**change)


@pytest.mark.parametrize(
    ("train", "sae", "told"),
    [
        ({"aux_k": 9}, {}, "lower aux_k"),
        ({"l1_coefficient": 0, "aux_k": 0}, {"activation": "relu", "k": None}, "never sparse"),
        ({"l0_coefficient": 0, "aux_k": 0}, {"activation": "jumprelu", "k": None}, "never sparse"),
    ],
)
def test_settings_that_contradict_the_sae(train, sae, told):
    with pytest.raises(SAEError, match=told):
        TrainConfig(**train).check_with(SAEConfig(**{"d_in": 4, "d_sae": 8, "k": 2, **sae}))


def test_learning_rate_rises_stays_and_falls():
    train = TrainConfig(learning_rate=1.0, warmup=0.2, decay=0.4)
    rates = [train.learning_rate_at(step, 10) for step in range(10)]
    assert rates == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_no_warmup_and_no_decay():
    train = TrainConfig(learning_rate=2.0, warmup=0, decay=0)
    assert {train.learning_rate_at(step, 10) for step in range(10)} == {2.0}


def test_sparsity_rises():
    train = TrainConfig(sparsity_warmup=0.5)
    assert [train.sparsity_at(step, 4) for step in range(4)] == [0.5, 1, 1, 1]


def test_total_steps():
    assert TrainConfig(batch_size=10, epochs=3).total_steps(25) == 7
    assert TrainConfig(batch_size=10, epochs=3, max_steps=5).total_steps(25) == 5
