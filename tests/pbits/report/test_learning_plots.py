"""Pictures of machines that learn."""

import numpy as np
import pytest

from pbits.learning import LearningPlan, train
from pbits.models import BoltzmannModel
from pbits.report import image_grid, learning_curves, receptive_fields

DATA = np.where(np.random.default_rng(0).random((40, 4)) < 0.5, 1, -1)


def trained(**plan):
    plan = LearningPlan(method="cd", epochs=4, batch=20, look_every=2, **plan)
    return train(BoltzmannModel.restricted(4, 2), DATA, plan=plan, seed=1).to_dict()


def test_curves_hold_what_was_seen():
    one = trained()
    figure = learning_curves([one, trained(rate=0.1)], ["slow", "fast"])
    scores, rebuilt = figure.axes
    np.testing.assert_array_equal(scores.lines[0].get_xdata(), [2, 4])
    np.testing.assert_array_equal(scores.lines[0].get_ydata(), one["scores"])
    np.testing.assert_array_equal(rebuilt.lines[0].get_ydata(), one["reconstruction"])
    assert [text.get_text() for text in scores.get_legend().get_texts()] == ["slow", "fast"]
    assert "nats" in scores.get_ylabel()
    nothing = learning_curves({**trained(monitor="none"), "reconstruction": [np.nan] * 4})
    assert "set monitor" in nothing.axes[0].texts[0].get_text()


def test_fields_are_those_of_the_strongest_units():
    weights = np.arange(24.0).reshape(6, 4)
    figure = receptive_fields(weights, (2, 3), count=2)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), weights[:, 3].reshape(2, 3))
    assert len(figure.axes) == 2


def test_images_stand_in_rows():
    figure = image_grid({"seen": DATA[:3], "made": -DATA[:3]}, (2, 2), ["a", "b", "c"])
    assert len(figure.axes) == 6
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), -DATA[0].reshape(2, 2))
    assert figure.axes[0].get_ylabel() == "seen"
    assert figure.axes[1].get_title() == "b"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="need \\(9, hidden\\)"):
        receptive_fields(np.ones((4, 2)), (3, 3))
    with pytest.raises(ValueError, match="k alike"):
        image_grid({"a": DATA[:2], "b": DATA[:3]}, (2, 2))
    with pytest.raises(ValueError, match="2 captions for 3 columns"):
        image_grid(DATA[:3], (2, 2), ["a", "b"])
    with pytest.raises(ValueError, match="a name for each or none"):
        learning_curves([])
