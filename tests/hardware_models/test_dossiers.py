"""The published claims, each recomputed by hand from its sources; figures typed here again, not read."""

import json
import tomllib

import pytest
from typer.testing import CliRunner

import hardware_models
import pbits
from hardware_models.gibbs import claims as ladder
from pbits.cli import app
from pbits.parameters import Evidence
from pbits.report import from_json

REL = 1e-9
NAMES = ("extropic-dtm", "extropic-z1", "kv260-net", "normal-1000x", "singh-cmos-smtj", "sutton-20fj")


@pytest.fixture(scope="module")
def checks():
    return {name: pbits.Claim.load(hardware_models.DOSSIERS / f"{name}.toml").check() for name in NAMES}


def found(check):
    """Joules of the machine, for a claim of joules."""
    return check.absolute[0] / check.ratio.value


def left(check):
    """What is left with one assumption changed, by label: a ratio, or joules for a claim of joules."""
    rows = [row for row in check.breaks if row.kind == "alternative"]
    return {row.label: row.ratio if check.absolute is None else check.absolute[0] / row.ratio for row in rows}


def test_these_are_all_that_there_are():
    assert tuple(sorted(path.stem for path in hardware_models.DOSSIERS.glob("*.toml"))) == NAMES
    assert tuple(hardware_models.claims()) == NAMES


def test_they_are_found_by_name():
    assert set(NAMES) <= set(pbits.claims.available())
    with pytest.raises(ValueError, match="did you mean 'extropic-dtm'"):
        pbits.Claim.load("extropic-dmt")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_named_as_its_claim(name, checks):
    assert checks[name].name == name


# E = T·K·L²·E_cell of arXiv:2510.23972, with 1.3 fJ (arXiv:2606.17327, supplement).
UPDATES = 8 * 250 * 70**2
SAMPLE = UPDATES * 1.3e-15


def test_extropic_dtm(checks):
    check = checks["extropic-dtm"]
    assert check.ratio.value == pytest.approx(1.3e-4 / SAMPLE, rel=REL)
    assert check.ratio.value == pytest.approx(10204.081632653, rel=REL)
    assert check.holds
    assert check.evidence is Evidence.ASSUMED
    # The range of E_cell alone is a factor of ten either way, so the claim is a toss-up.
    assert 0.45 < check.probability < 0.6
    assert len(check.uplifts) == 2


def test_extropic_dtm_with_one_assumption_changed(checks):
    seconds = 2 * 8 * 250 * 100e-9
    by_hand = {
        "rival: thrml, the same updates on 8 B200": UPDATES * 8000 / 186e9 / SAMPLE,
        "rival: as many bit-packed updates on a V100": UPDATES * 300 / 383e9 / SAMPLE,
        "rival: auto-encoder of FID 17.9": 2.5e-3 / SAMPLE,
        "rival: auto-encoder of FID 30.5": 6.1e-5 / SAMPLE,
        "rival: FID 27.4, its FLOP at peak": 0.4e-4 / SAMPLE,
        "cell: 2 fJ, the paper's main text": 1.3e-4 / (UPDATES * 2e-15),
        "cell: 7.09 fJ, Z1's simulation": 1.3e-4 / (UPDATES * 7.09e-15),
        "cell: 13 fJ, a later text": 1.3e-4 / (UPDATES * 13e-15),
        "K: 800, as the images were made": 1.3e-4 / (8 * 800 * 4900 * 1.3e-15),
        "read: data cells of each layer, at Z1's price": 1.3e-4 / (SAMPLE + 8 * 884 * 1.692e-12),
        "write: layers in turn, 1,000 samples each": 1.3e-4 / (SAMPLE + 8 * 4900 * 153.6e-12 / 1000),
        "write: layers in turn, one sample": 1.3e-4 / (SAMPLE + 8 * 4900 * 153.6e-12),
        "host: a board like a KV260's, idle, one copy of the machine": 1.3e-4 / (SAMPLE + seconds * 3.136),
    }
    assert left(checks["extropic-dtm"]) == pytest.approx(by_hand, rel=REL)


def test_extropic_dtm_is_the_ladder_of_its_page(checks):
    """The dossier and `hardware_models.gibbs.claims` say the same of every assumption that both change alone."""
    base = ladder.published()
    assert checks["extropic-dtm"].ratio.value == pytest.approx(base.ratio.value, rel=REL)
    there, here = ladder.swaps(base), left(checks["extropic-dtm"])
    # The page reads frames and copies too where it writes and serves; those are compared by hand above.
    shared = [label for label in here if label in there]
    assert len(shared) >= 9
    assert {label: here[label] for label in shared} == pytest.approx(
        {label: there[label].ratio.value for label in shared}, rel=REL
    )


def test_extropic_z1(checks):
    """arXiv:2608.01615, Table IV: 7.09 fJ, 1.692 pJ, 153.6 pJ; 269,568 p-bits in 20 ns."""
    check = checks["extropic-z1"]
    rate = 269568 / 20e-9
    assert found(check) == pytest.approx(7.09e-15, rel=REL)
    assert check.evidence is Evidence.SIMULATED
    by_hand = {
        "read: every p-bit after each sweep": 7.09e-15 + 1.692e-12,
        "read: every p-bit after 239 sweeps": 7.09e-15 + 1.692e-12 / 239,
        "write: programmed once for 21,664 sweeps": 7.09e-15 + 153.6e-12 / 21664,
        "carrier: 10 W, as a host or carrier board draws": 7.09e-15 + 10 / rate,
        "cell: 13 fJ, a later text": 13e-15,
    }
    assert left(check) == pytest.approx(by_hand, rel=REL)
    # As the energy notes have it: one read is 239 updates, one write 21,664; a carrier of 10 W costs a factor of 106.
    assert round(1.692e-12 / 7.09e-15) == 239
    assert round(153.6e-12 / 7.09e-15) == 21664
    assert left(check)["carrier: 10 W, as a host or carrier board draws"] / 7.09e-15 == pytest.approx(106, abs=0.5)


def test_sutton(checks):
    """10⁶ p-bits of 20 µW, 10¹⁵ flips a second."""
    check = checks["sutton-20fj"]
    assert found(check) == pytest.approx(20e-15, rel=REL)
    assert check.holds
    assert check.evidence is Evidence.ASSUMED
    by_hand = {"junctions that dwell 10 ns, not 1 ns": 200e-15, "a carrier of 10 W": 30e-15}
    assert left(check) == pytest.approx(by_hand, rel=REL)


def test_kv260(checks):
    """0.5554 W over 3.136 W of idle at 51.2 updates/ns; Vivado had predicted 0.100 W, 5.6 times less."""
    check = checks["kv260-net"]
    assert found(check) == pytest.approx(0.5554 / 51.2e9, rel=REL)
    assert found(check) == pytest.approx(10.85e-12, rel=3e-4)
    assert check.holds
    by_hand = {
        "gross: the idle board is counted": (0.5554 + 3.136) / 51.2e9,
        "as Vivado predicted: 0.100 W": 0.1 / 51.2e9,
        "every p-bit is read after each sweep": 0.5554 / 51.2e9 + 581e-12,
    }
    assert left(check) == pytest.approx(by_hand, rel=REL)
    assert by_hand["gross: the idle board is counted"] == pytest.approx(72.1e-12, abs=0.05e-12)
    assert found(check) / by_hand["as Vivado predicted: 0.100 W"] == pytest.approx(5.6, abs=0.05)


@pytest.mark.parametrize("name", ["normal-1000x", "singh-cmos-smtj"])
def test_what_nobody_states_cannot_be_checked(name, checks):
    check = checks[name]
    assert (check.holds, check.ratio, check.probability, check.at_least, check.at_most) == (None,) * 5
    assert "cannot be checked, because" in check.verdict
    assert "no lower bound" in check.verdict
    assert check.criticism


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_source_or_says_that_it_is_a_guess(name, checks):
    claim = pbits.Claim.load(hardware_models.DOSSIERS / f"{name}.toml")
    table = tomllib.loads((hardware_models.DOSSIERS / f"{name}.toml").read_text("utf-8"))
    for key, given in table["inputs"].items():
        if not isinstance(given, dict):
            # A switch, or a share that the claim leaves out; a price never is.
            assert given in (0, "0 W", "0 J") or key == "samples_per_programming", key
    for key, one in claim.inputs.items():
        if hasattr(one, "source"):
            assert one.source or one.note, key
    assert set(checks[name].sources) <= set(claim.sources)


def test_a_slip_in_a_dossier_is_seen(tmp_path):
    """One digit changed in each number that makes the ratio: the check by hand fails."""
    text = (hardware_models.DOSSIERS / "extropic-dtm.toml").read_text("utf-8")
    for right, wrong in (
        ('value = "130 µJ"', 'value = "131 µJ"'),
        ("value = 250\nrange = [250, 250]", "value = 251\nrange = [251, 251]"),
    ):
        assert text.count(right) == 1
        (tmp_path / "slip.toml").write_text(text.replace(right, wrong), "utf-8")
        ratio = pbits.Claim.load(tmp_path / "slip.toml").check().ratio.value
        assert ratio != pytest.approx(1.3e-4 / SAMPLE, rel=REL)


def claim_command(*words):
    return CliRunner().invoke(app, ["claim", *map(str, words)])


def test_the_command_checks_a_file(tmp_path):
    file = hardware_models.DOSSIERS / "extropic-dtm.toml"
    done = claim_command(file, "--set", "sweeps=800", "-o", tmp_path / "c.html", "--json")
    assert done.exit_code == 0, done.stderr
    assert "3,190 times" in done.stdout
    assert "does not hold" in done.stdout
    assert (tmp_path / "c.html").exists()
    assert (tmp_path / "c.json").exists()


def test_the_command_prints_json():
    done = claim_command(*(hardware_models.DOSSIERS / f"{name}.toml" for name in NAMES), "--json")
    whole = json.loads(done.stdout)
    assert whole["schema"] == "pbits-claim/1"
    assert [one["name"] for one in whole["claims"]] == list(NAMES)


def test_each_is_a_document_of_its_schema(checks, tmp_path):
    for name, check in checks.items():
        path = check.to_json(tmp_path / f"{name}.json")
        assert from_json(path, "pbits-claim/1")[0]["verdict"] == check.verdict
        json.dumps(check.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--set", "swepes=800"), "did you mean 'sweeps'"),
        (("--set", "sweeps"), "not of the form KEY=VALUE"),
        (("--set", "host=3J"), "host is in W"),
        (("--boundary", "chip"), "a dossier states its own"),
        (("--ratio", "10"), "a dossier states its own"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(words, says):
    done = claim_command(hardware_models.DOSSIERS / "extropic-dtm.toml", *words)
    assert done.exit_code == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_command_checks_stored_runs(tmp_path):
    pair = pbits.IsingModel([[0, 1], [1, 0]])
    plan = pbits.Schedule(n_samples=500, n_warmup=50, chains=16)
    for name in ("gpu-h100-sxm", "gpu-a100-sxm"):
        pbits.run(pair, name, plan, seed=1).save(tmp_path / f"{name}.npz")
    words = ["--ratio", 1.2, "--machine", tmp_path / "gpu-h100-sxm.npz", "--rival", tmp_path / "gpu-a100-sxm.npz"]
    done = claim_command(*words)
    assert done.exit_code == 2
    assert "a claim needs a boundary" in done.stderr
    done = claim_command(*words, "--boundary", "board")
    assert done.exit_code == 0, done.stderr
    assert "gpu-h100-sxm against gpu-a100-sxm" in done.stdout
    assert "at the board boundary" in done.stdout
