"""What `pbits compare` does, through the API: two problems, each unchanged on several machines, one report."""

from pbits import compare, report
from pbits.problems.examples import and_gate, capitals

spins = ["ideal", "fpga-all-to-all", "extropic-z1", "gpu-h100-sxm"]
comparisons = [compare(problem, spins, seed=1) for problem in (and_gate(), capitals())]

for comparison in comparisons:
    print(comparison.verdict(), end="\n\n")
    for row in comparison.rows:
        if row.refusal:
            print(f"  {row.machine} refused: {'; '.join(row.refusal)}")
        elif row.ledger is not None and row.ledger.joules is None:
            print(f"  {row.machine} has no total: {'; '.join(row.ledger.reasons)}")
    print()

path = report.write_text("first_comparison.html", report.to_html([one.to_dict() for one in comparisons]))
print(f"wrote {path}")
