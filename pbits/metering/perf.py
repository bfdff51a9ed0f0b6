"""perf: the counters of RAPL by another door."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from pathlib import Path
from shutil import which

from pbits.metering.readings import Metered, Reason, Refusal, Refused, Source, unreadable
from pbits.parameters import RANGE_FACTORS, Evidence


class Perf(Source):
    """`perf stat -a` on the energy events of the processor: the counters of RAPL by another door."""

    name, boundary = "perf", "chip"
    _EVENT = "power/energy-pkg/"

    def __init__(self, program: str):
        self._program = program
        done = subprocess.run(
            [program, "stat", "-a", "-x", ",", "-e", self._EVENT, "true"], capture_output=True, text=True
        )
        if done.returncode or self._joules(done.stderr) is None:
            told = " ".join(done.stderr.split())[:120] or "no count"
            reason: Reason = "permission" if "ermission" in done.stderr or "paranoid" in done.stderr else "absent"
            hint = (
                "as root: sysctl kernel.perf_event_paranoid=0"
                if reason == "permission"
                else "a virtual machine has no such event; measure on the host"
            )
            raise Refused(Refusal(source="perf", reason=reason, text=f"perf gives no {self._EVENT}: {told}", hint=hint))

    def open(self, now: float) -> None:
        self._log = tempfile.NamedTemporaryFile(suffix=".csv")  # noqa: SIM115
        command = [self._program, "stat", "-a", "-x", ",", "-e", self._EVENT, "-o", self._log.name]
        self._child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self, now: float) -> Metered:
        self._child.send_signal(signal.SIGINT)
        self._child.wait()
        with self._log:
            joules = self._joules(Path(self._log.name).read_text())
        if not joules:
            raise Refused(unreadable(self.name, "perf wrote no joules"))
        factor = RANGE_FACTORS[Evidence.MEASURED]
        return Metered(
            source=self.name, joules=joules, low=joules / factor, high=joules * factor, boundary=self.boundary,
            evidence=Evidence.MEASURED, method=f"perf stat -a -e {self._EVENT}, ± 10 %",
        )  # fmt: skip

    @staticmethod
    def _joules(text: str) -> float | None:
        for line in text.splitlines():
            parts = line.split(",")
            if len(parts) > 2 and "energy-pkg" in line and parts[1] == "Joules":
                try:
                    return float(parts[0])
                except ValueError:
                    return None
        return None


def find_perf() -> tuple[list[Source], list[Refusal]]:
    """perf, where it is installed and allowed to count joules."""
    program = which("perf")
    if program is None:
        hint = "install perf (linux-perf, linux-tools), or open the RAPL files"
        return [], [Refusal(source="perf", reason="not installed", text="there is no program perf", hint=hint)]
    try:
        return [Perf(program)], []
    except Refused as found:
        return [], [found.refusal]
