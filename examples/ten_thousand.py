"""Is 10,000 × true? The published claim of a denoising machine, from its assumptions to what breaks it.

Every number is in a dossier with its evidence and source (`pbits claim extropic-dtm` prints it); here it is computed
again, swapped, and set beside a rival of your own.
"""

import pbits
from pbits.report import si

claim = pbits.Claim.load("extropic-dtm")
check = claim.check()
print(f"{claim.statement}\n")
print(check.verdict)

print("\nOne assumption changed at a time:")
for one in (one for one in check.breaks if one.kind == "alternative"):
    print(f"  {one.ratio:10,.4g} × {'  ' if one.holds else '✗ '}{one.label}")

print("\nWhat the figure hangs on, as stated:")
for swing in check.tornado[:3]:
    print(f"  {swing.share:4.0%} {swing.label}")

host = check.break_even("host", 1.0)
print(f"\nA host of {si(host, 'W')} makes it 1 ×; {si(check.break_even('host', 100.0), 'W')} leave 100 ×.")
slower = claim.replaced(sweeps=800, read="1.692 pJ", data_cells=884).check()
print(f"With 800 sweeps, as the images were made, and their cells read: {slower.ratio.value:,.3g} ×.")
