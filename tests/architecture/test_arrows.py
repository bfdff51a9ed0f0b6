"""The arrows of the design are enforced, and importing stays light."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(folder):
    tool = Path(sysconfig.get_path("scripts")) / "lint-imports"
    if not tool.exists():
        pytest.skip("import-linter is not installed: pip install -e '.[test]'")
    return subprocess.run(
        [tool, "--no-cache", "--config", ROOT / "pyproject.toml"], cwd=folder, capture_output=True, text=True
    )


def test_every_import_contract_is_kept():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("pbits/models/ising.py", "import hardware_models", "pbits knows no machine BROKEN"),
        ("hardware_models/gibbs/array.py", "import pbits.problems", "no problem, no account and no report BROKEN"),
        ("hardware_models/gibbs/array.py", "import hardware_models.pbit", "No physics knows another BROKEN"),
        ("pbits/schedule.py", "import pbits.runner", "Inside pbits, arrows point down BROKEN"),
        ("pbits/kernels/ising.py", "import scipy", "Kernels see arrays only BROKEN"),
    ],
)
def test_a_wrong_arrow_is_caught(tmp_path, module, line, contract):
    # The planted fault, in a copy of the sources.
    for package in ("pbits", "hardware_models"):
        for source in (ROOT / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    with (tmp_path / module).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert contract in done.stdout


def test_importing_is_light():
    heavy = "numba", "scipy", "matplotlib", "simpy", "networkx", "hardware_models"
    code = f"import sys, pbits; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_exists():
    import pbits

    for name in pbits.__all__:
        assert getattr(pbits, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pbits.nonsense
