"""Runs on disk: everything comes back, files appear whole or not at all, and what is no run is refused in words."""

import contextlib
import io
import json
import os
import stat
import zipfile
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

import pbits
from hardware_models import pbit
from pbits import result
from pbits.models import EnergyModel
from pbits.problems import HopfieldMemory, MaxCut

SHORT = pbits.Schedule(n_samples=8, n_warmup=2, chains=3)
RING = MaxCut(5, [(k, (k + 1) % 5) for k in range(5)], optimum=4.0)


def recall():
    patterns = np.random.default_rng(1).choice([-1, 1], size=(2, 12))
    posed = HopfieldMemory(patterns)
    return posed.recall(posed.corrupt(0, 0.2, seed=1), target=0)


RUNS = {
    "priced problem on embedded chains": lambda: pbits.run(RING, "embedded:extropic-z1", SHORT, seed=1),
    "metered board, unstated prices": lambda: pbits.run(
        pbits.IsingModel.from_edges(3, [(0, 1), (1, 2)], 0.3), "fpga-kv260", SHORT, seed=1, clamp={0: 1}
    ),
    "anneal with a target": lambda: pbits.run(
        RING, "gpu-h100-sxm", pbits.Schedule.anneal(sweeps=20, chains=3, levels=4, stop_at=-4.0), seed=1
    ),
    "memory": lambda: pbits.run(recall(), "ideal", seed=1),
    "reals": lambda: pbits.run(
        pbits.GaussianModel([[2.0, -1.0], [-1.0, 2.0]], [0.3, 0.1]), "langevin-rc-illustrative", SHORT, seed=1
    ),
}


@pytest.fixture(params=RUNS.values(), ids=RUNS)
def run(request):
    return request.param()


@pytest.fixture
def stored(tmp_path):
    """A run and its file."""
    done = RUNS["priced problem on embedded chains"]()
    return done, done.save(tmp_path / "run.npz")


def same(first, second):
    """Equal to the last bit; answers as plain values."""
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    if isinstance(first, EnergyModel):
        return type(first) is type(second) and first.fingerprint() == second.fingerprint()
    if isinstance(first, result.Trace | result.Solution):
        return all(
            same(getattr(first, item.name), getattr(second, item.name))
            for item in fields(first)
            if item.name != "value"
        )
    return type(first) is type(second) and first == second


def test_everything_comes_back(run, tmp_path):
    path = run.save(tmp_path / "run.npz")
    loaded = pbits.Run.load(path)
    for item in fields(run):
        assert same(getattr(run, item.name), getattr(loaded, item.name)), item.name
    assert (loaded.machine, loaded.device_time_s) == (run.machine, run.device_time_s)
    again = loaded.save(tmp_path / "again.npz")
    assert same(pbits.Run.load(again).energies, run.energies)


def test_a_model_that_is_held_as_posed_is_stored_once(tmp_path):
    done = pbits.run(pbits.IsingModel([[0, 1], [1, 0]]), "ideal", SHORT, seed=1)
    path = done.save(tmp_path / "run.npz")
    with np.load(path) as stored:
        assert not [name for name in stored.files if name.startswith("realised/")]
    loaded = pbits.Run.load(path)
    assert loaded.realised is loaded.model
    assert loaded.model.fingerprint() == done.realised.fingerprint()


def test_a_loaded_run_is_priced_and_diagnosed_the_same(run, tmp_path):
    loaded = pbits.Run.load(run.save(tmp_path / "run.npz"))
    before, after = pbits.price(run), pbits.price(loaded)
    assert (before.joules, before.lower_bound, before.reasons) == (after.joules, after.lower_bound, after.reasons)
    assert before.rows == after.rows
    assert pbits.diagnose(run) == pbits.diagnose(loaded)
    np.testing.assert_allclose(loaded.model.energy(loaded.states), loaded.energies, rtol=1e-12, atol=1e-12)


def test_a_loaded_run_cannot_be_written_either(run, tmp_path):
    loaded = pbits.Run.load(run.save(tmp_path / "run.npz"))
    for holder in (loaded, loaded.trace):
        for item in fields(holder):
            value = getattr(holder, item.name)
            if isinstance(value, np.ndarray):
                with pytest.raises(ValueError, match="read-only"):
                    value[...] = 0


def plainly(value):
    """What the documentation of `Run.solution` promises: arrays as lists, records as dicts."""
    if is_dataclass(value):
        return {item.name: plainly(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plainly(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("name", ["priced problem on embedded chains", "memory"])
def test_the_answer_comes_back_as_plain_values(name, tmp_path):
    run = RUNS[name]()
    loaded = pbits.Run.load(run.save(tmp_path / "run.npz"))
    assert loaded.solution.value == plainly(run.solution.value)
    assert str(loaded.solution) == str(run.solution)
    if name != "memory":
        assert RING.score(loaded.solution.value) == run.solution.objective


def test_an_answer_that_json_does_not_know_does_not_lose_the_run(tmp_path):
    run = RUNS["memory"]()
    odd = replace(run, solution=replace(run.solution, value={1, 2}))
    assert pbits.Run.load(odd.save(tmp_path / "run.npz")).solution.value == "{1, 2}"


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", [(os, "replace"), (np, "savez_compressed")], ids=["rename", "write"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_write_that_is_cut_off_leaves_the_old_file_and_no_other(stored, monkeypatch, victim, error):
    run, path = stored
    before = path.read_bytes()

    def dies(*arguments, **named):
        if victim[0] is np:
            arguments[0].write(b"half a file")
        raise error("no space left")

    monkeypatch.setattr(*victim, dies)
    for target in (path, path.with_name("new.npz")):
        with pytest.raises(error, match="no space left"):
            run.save(target)
    assert [file.name for file in path.parent.iterdir()] == ["run.npz"]
    assert path.read_bytes() == before


def test_saving_again_replaces_the_file(stored):
    _, path = stored
    other = pbits.run(RING, "ideal", SHORT, seed=2)
    assert other.save(str(path)) == path
    assert np.array_equal(pbits.Run.load(path).states, other.states)
    assert len(list(path.parent.iterdir())) == 1


def test_a_run_file_can_be_read_by_those_who_read_other_files(stored, tmp_path):
    _, path = stored
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_place_that_cannot_be_written_is_named(stored, tmp_path):
    run, path = stored
    with pytest.raises(FileNotFoundError, match="there is no folder .*nowhere; make it first"):
        run.save(tmp_path / "nowhere" / "run.npz")
    with pytest.raises(OSError, match="run.npz"):
        run.save(path / "run.npz")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        run.save(tmp_path / "folder")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "run.npz"]


def test_a_model_that_no_file_could_give_back_is_refused_at_once(tmp_path):
    class Own(pbits.IsingModel):
        pass

    run = pbits.run(Own([[0, 1], [1, 0]]), "ideal", SHORT, seed=1)
    with pytest.raises(TypeError, match="a run of a Own cannot be stored, only models of pbits"):
        run.save(tmp_path / "run.npz")
    assert list(tmp_path.iterdir()) == []


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(stored, share):
    _, path = stored
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="run.npz is not a whole run file"):
        pbits.Run.load(path)


def test_a_file_with_a_flipped_byte_never_loads_as_another_run(stored):
    """Every 97th byte: the archive checks its contents; bytes that it ignores change nothing."""
    run, path = stored
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with contextlib.suppress(ValueError):
            loaded = pbits.Run.load(path)
            assert np.array_equal(loaded.states, run.states)
            assert loaded.record == run.record


def archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def single_array():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def zip_of_text():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        zipped.writestr("header", "hello")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"PK\x03\x04", single_array(), zip_of_text(), archive(states=np.zeros(3)),
        archive(header=np.array("no json")), archive(header=np.array("[]")), archive(header=np.array("{}")),
        archive(header=np.array('{"schema": 1}')), archive(header=np.array('{"schema": "1"}')),
        archive(header=np.array([{"schema": 1}], dtype=object)),
    ],
    ids=[
        "empty", "text", "zip magic", "one array", "zip of text", "arrays without header", "no json", "list",
        "no schema", "only a schema", "schema as text", "pickle",
    ],
)  # fmt: skip
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="run.npz is not a whole run file"):
        pbits.Run.load(path)


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="gone.npz: no such file"):
        pbits.Run.load(tmp_path / "gone.npz")
    with pytest.raises(ValueError, match="is not a whole run file"):
        pbits.Run.load(tmp_path)


def test_a_file_of_a_later_version_says_so(stored):
    _, path = stored
    with np.load(path) as loaded:
        arrays = dict(loaded)
    header = {"schema": result.SCHEMA + 1, "anything": json.loads(str(arrays["header"]))}
    path.write_bytes(archive(header=np.array(json.dumps(header))))
    with pytest.raises(ValueError, match=r"run.npz has schema 3; this version reads up to 2: update pbits"):
        pbits.Run.load(path)


# --- counting successes -------------------------------------------------------------------------


def test_successes_are_chains_not_draws():
    run = pbits.run(RING, "ideal", pbits.Schedule(n_samples=30, chains=6, beta=0.3), seed=3)
    cuts = run.objectives.max(axis=1)
    assert run.success_fraction(-4.0) == run.success_fraction(objective=4.0) == (int((cuts >= 4).sum()), 6)
    assert run.success_fraction(objective=5.0) == run.success_fraction(-5.0) == (0, 6)
    assert run.success_fraction(1e9) == (6, 6)


def test_success_needs_one_target():
    run = pbits.run(pbits.IsingModel([[0, 1], [1, 0]]), pbit.Array(), SHORT, seed=1)
    for arguments in ({}, {"target": 0.0, "objective": 0.0}):
        with pytest.raises(ValueError, match="a target energy or an objective, not both"):
            run.success_fraction(**arguments)
    with pytest.raises(ValueError, match="was not given a Problem that scores states"):
        run.success_fraction(objective=1.0)
