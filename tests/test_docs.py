"""What the documents show runs as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hardware_models

ROOT = Path(__file__).parents[1]


def blocks(document, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / document).read_text("utf-8"), re.S | re.M)


def python(folder, code):
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )


def test_the_machine_file_of_the_how_to_runs(tmp_path):
    (tmp_path / "my-array.toml").write_text(blocks("docs/how-to/add-a-machine.md", "toml")[0], "utf-8")
    command = "import sys; sys.argv = 'pbits run and-gate -m embedded:my-array.toml --samples 100 --seed 1'.split()"
    done = python(tmp_path, f"{command}; from pbits.cli import main; main()")
    assert done.returncode == 0, done.stderr
    assert "the price of write is not stated" in " ".join(done.stdout.split())


def test_the_physics_file_of_the_how_to_passes_the_suite(tmp_path):
    physics, suite, _ = blocks("docs/how-to/add-a-machine.md", "python")
    shutil.copytree(Path(hardware_models.__file__).parent, tmp_path / "hardware_models")
    (tmp_path / "hardware_models" / "parallel.py").write_text(physics, "utf-8")
    done = python(tmp_path, suite + "\nprint(pbits.load('parallel-half').name)")
    assert done.stdout.strip() == "parallel-half", done.stderr


def test_the_script_of_the_readme_runs(tmp_path):
    done = python(tmp_path, blocks("README.md", "python")[0])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()


PAGES = (
    "explanation/bit_true", "explanation/clocks", "explanation/denoising", "explanation/device_time",
    "explanation/magnets", "explanation/many_chips", "explanation/maxcut", "explanation/memories",
    "explanation/learning", "explanation/nonidealities", "explanation/primitives", "explanation/variability",
    "how-to/measure", "how-to/report", "how-to/solve", "how-to/spice", "how-to/temper",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page, tmp_path):
    done = python(tmp_path, "\n".join(blocks(f"docs/{page}.md", "python")))
    assert done.returncode == 0, done.stderr


# Pages that show what their Python prints.
PRINTED = (
    "explanation/accounting", "explanation/analog_errors", "explanation/analog_neurons", "explanation/analog_scaling",
    "explanation/baselines",
    "explanation/circuits", "explanation/compiling_matrices", "explanation/equal_quality", "explanation/gibbs_arrays",
    "explanation/gibbs_cells",
    "explanation/higher_order", "explanation/lattice_walk", "explanation/linear_algebra", "explanation/linear_noise",
    "explanation/permutation_moves", "explanation/sudoku", "explanation/ten_thousand",
    "explanation/travelling_salesman", "how-to/dimod", "how-to/mapping",
)  # fmt: skip


@pytest.mark.parametrize("page", PRINTED)
def test_what_the_python_of_a_page_prints_stands_on_it(page, tmp_path):
    done = python(tmp_path, "\n".join(blocks(f"docs/{page}.md", "python")))
    assert done.returncode == 0, done.stderr
    shown = (ROOT / f"docs/{page}.md").read_text("utf-8").splitlines()
    assert [line for line in done.stdout.splitlines() if line not in shown] == []


def test_the_claim_of_the_how_to_is_checked(tmp_path):
    page = "docs/how-to/check_a_claim.md"
    (tmp_path / "my-chip.toml").write_text(blocks(page, "toml")[0], "utf-8")
    done = python(tmp_path, "\n".join(blocks(page, "python")))
    assert done.returncode == 0, done.stderr
    shown = (ROOT / page).read_text("utf-8").splitlines()
    assert [line for line in done.stdout.splitlines() if line not in shown] == []


def test_the_blocks_on_invertible_logic_run(tmp_path):
    for code in blocks("docs/how-to/invertible_logic.md", "python"):
        done = python(tmp_path, code)
        assert done.returncode == 0, done.stderr


def test_the_problems_of_the_readme_run(tmp_path):
    block = next(block for block in blocks("README.md", "python") if "permutation-illustrative" in block)
    done = python(tmp_path, block)
    assert done.returncode == 0, done.stderr
    assert "permutation:anneal" in done.stdout
    assert (tmp_path / "tour.png").exists()


def test_the_p_bits_of_the_readme_run(tmp_path):
    block = next(block for block in blocks("README.md", "python") if "stationary_law" in block)
    done = python(tmp_path, block)
    assert done.returncode == 0, done.stderr
    assert "Conditionals(slope=" in done.stdout
