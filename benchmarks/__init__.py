"""How fast the project is, beside other simulators and beside what the processor can do.

``python -m benchmarks.updates`` counts updates per nanosecond, ``python -m benchmarks.target`` looks for the best cut
in equal time, ``python -m benchmarks.limits`` measures the processor, and ``python -m benchmarks.history`` compares
two records.
"""

import os

# Every tool is timed on as many threads as it is told to use; these libraries read theirs when they are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
