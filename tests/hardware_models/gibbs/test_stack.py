from dataclasses import replace

import pytest

import pbits
from hardware_models import gibbs
from pbits.learning.denoising import generate
from pbits.mapping import Grid
from pbits.models import DenoisingModel, ForwardProcess
from pbits.parameters import Evidence, Figure, Included, Parameter, PriceTable


def priced(**times):
    """An array whose every price and time is known."""

    def joules(value):
        return Parameter(value=value, unit="J", low=value / 2, high=3 * value, evidence=Evidence.ASSUMED, note="a test")

    def watts(value):
        return replace(joules(value), unit="W")

    prices = PriceTable(
        boundary="chip",
        operations={
            "update": joules(2e-15), "read": joules(1e-12), "write": joules(5e-12), "weight_read": joules(1e-16),
            "random_bit": Included(in_="update"), "toggle": Included(in_="update"),
        },
        power={"active": watts(0.02), "idle": watts(0.01)},
    )  # fmt: skip
    return gibbs.Array(
        rules="G8", rows=16, cols=14, prices=prices, **({"phase_s": 1e-7, "read_s": 3e-6, "program_s": 1e-3} | times)
    )


def model_on(grid=Grid.named("G8", 7, 7), layers=3, **more):  # noqa: B008
    return DenoisingModel.on_grid(grid, data=9, process=ForwardProcess.linear(layers), seed=1, **more)


@pytest.mark.parametrize("labels", [None, [0, 1, 1, 0, 1, 0, 0]])
def test_one_array_costs_what_runs_on_it_cost(labels):
    model = model_on(classes=0 if labels is None else 2, label_copies=2)
    array = priced()
    made = generate(model, 7, labels, sweeps=12, machine=array, seed=1)
    cost = gibbs.Stack(array=array, model=model, shared=True).cost(sweeps=12, batch=7)
    assert cost.frame == 4
    for item, count in cost.counts.items():
        assert made.cost.counts[item] == count, item
    assert cost.device_time.value == pytest.approx(made.cost.device_time_s)
    assert cost.joules.value == pytest.approx(made.joules)
    assert cost.joules.low < cost.joules.value < cost.joules.high


def test_layers_side_by_side_take_as_long_as_the_slowest_once_they_are_busy():
    model, array = model_on(), priced()
    apart = gibbs.Stack(array=array, model=model).cost(sweeps=12, batch=400)
    shared = gibbs.Stack(array=array, model=model, shared=True).cost(sweeps=12, batch=400)
    # Sweeps and a read-out; the first layer starts from nothing, the others are told what it made, a frame more.
    first = 12 * 2 * 1e-7 + 3e-6
    stages = [0.0, first, first + 3e-6, first + 3e-6]
    # Frame k leaves layer t when both frame k − 1 has left it and frame k has left the layer before.
    left = [0.0] * 4
    for _ in range(100):
        for t in range(1, 4):
            left[t] = max(left[t], left[t - 1]) + stages[t]
        left[0] = 0.0
    assert apart.device_time.value == pytest.approx(1e-3 + left[3])
    assert shared.device_time.value == pytest.approx(3e-3 + 100 * sum(stages))
    assert apart.latency.value == shared.latency.value == pytest.approx(sum(stages))
    assert apart.samples_per_s.value == pytest.approx(4 / stages[3])
    assert shared.samples_per_s.value == pytest.approx(4 / sum(stages))
    # The same events; idle power for three arrays while the pipeline fills, and for one while it is programmed.
    assert apart.counts == shared.counts
    active = 300 * 12 * 2 * 1e-7
    assert apart.rows["power.idle"].value == pytest.approx(0.01 * (3 * apart.device_time.value - active))
    assert shared.rows["power.idle"].value == pytest.approx(0.01 * (shared.device_time.value - active))


def test_a_batch_shares_its_programming():
    stack = gibbs.Stack(array=priced(), model=model_on(), shared=True)
    few, many = (stack.cost(sweeps=12, batch=batch) for batch in (4, 4000))
    assert many.device_time_per_sample.value < 0.01 * few.device_time_per_sample.value
    assert few.rows["write"].value / 4 > 4 * many.rows["write"].value / 4000
    assert few.rows["update"].value / 4 == pytest.approx(many.rows["update"].value / 4000)


@pytest.mark.parametrize(("machine", "layer"), [("extropic-dtca-g12", 1.5925e-9), ("extropic-dtca-g12-2fj", 2.45e-9)])
@pytest.mark.parametrize("layers", [1, 8])
def test_the_published_figure_is_rebuilt(machine, layer, layers):
    # T layers of 70 × 70 cells, 250 sweeps: 1.5925·T nJ at 1.3 fJ, 2.45·T nJ at 2 fJ.
    array = pbits.load(machine)
    model = model_on(array.capabilities.topology, layers)
    cost = gibbs.Stack(array=array, model=model).cost(sweeps=250, batch=10)
    assert cost.published.value == pytest.approx(layers * layer)
    assert cost.rows["update"].value == pytest.approx(10 * layers * layer)
    assert cost.joules.value is None
    assert cost.device_time.value is None
    assert 0 < cost.lower_bound < cost.rows["update"].value


def test_where_labels_are_held_fewer_cells_move_than_the_published_formula_counts():
    model = model_on(classes=2, label_copies=3)
    cost = gibbs.Stack(array=priced(), model=model).cost(sweeps=10, batch=1)
    assert cost.rows["update"].value == pytest.approx(cost.published.value * (49 - 6) / 49)


def test_what_nobody_states_stays_unknown():
    array = gibbs.Array(rules="G8", rows=7, cols=7)
    cost = gibbs.Stack(array=array, model=model_on()).cost(sweeps=10, batch=1)
    assert cost.joules == Figure.of(None)
    assert cost.published.value is None
    assert cost.lower_bound == 0


def test_a_stack_that_does_not_fit_is_refused():
    with pytest.raises(pbits.NotMappable, match="49 sites and the machine 36"):
        gibbs.Stack(array=gibbs.Array(rules="G8", rows=6, cols=6), model=model_on())
    with pytest.raises(pbits.NotMappable, match="neighbours"):
        gibbs.Stack(array=gibbs.Array(rules="G4", rows=9, cols=9), model=model_on())


@pytest.mark.parametrize("wrong", [{"sweeps": 0}, {"batch": 2.5}])
def test_numbers_that_cannot_be_are_refused(wrong):
    stack = gibbs.Stack(array=priced(), model=model_on())
    with pytest.raises(ValueError, match="whole number"):
        stack.cost(**({"sweeps": 5, "batch": 5} | wrong))
