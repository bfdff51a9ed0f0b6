"""Which moves can be asked for."""

import pytest

import pbits
from pbits import Moves


def test_kinds_are_named_once_and_in_one_order():
    assert Moves(kinds=["insert", "swap", "swap"]) == Moves(kinds=("swap", "insert"))
    assert Moves(kinds="reverse").kinds == ("reverse",)
    assert Moves.of({"kinds": ["swap"], "reach": 3, "tile": None, "neighbours": None}) == Moves(kinds="swap", reach=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kinds": []}, "must name some of swap, reverse, insert"),
        ({"kinds": ["flip"]}, "must name some of swap, reverse, insert"),
        ({"reach": 0}, "reach is 0; it must be a whole number of at least 1"),
        ({"reach": 2.5}, "reach is 2.5"),
        ({"tile": 3}, "at least 4"),
        ({"neighbours": True}, "neighbours is True"),
    ],
)
def test_what_is_no_move_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Moves(**wrong)


def test_neighbours_are_for_anneals():
    with pytest.raises(ValueError, match="keep no law"):
        pbits.Schedule(moves=Moves(neighbours=5))
    with pytest.raises(TypeError, match=r"give pbits\.Moves"):
        pbits.Schedule(moves="swap")


def test_a_schedule_with_moves_is_stored_with_its_run(tmp_path):
    model = pbits.PermutationModel(pbits.models.Distances(coordinates=[[0, 0], [0, 1], [1, 1], [1, 0]]))
    schedule = pbits.Schedule(n_samples=5, chains=2, moves=Moves(kinds=["swap"], reach=1))
    run = pbits.run(model, "ideal", schedule, seed=1)
    run.save(tmp_path / "run.npz")
    again = pbits.Run.load(tmp_path / "run.npz")
    assert again.schedule == schedule
    assert (again.states == run.states).all()
    assert again.states.dtype == run.states.dtype == "int32"
    assert again.model.fingerprint() == model.fingerprint()
