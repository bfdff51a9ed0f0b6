"""A headless Chromium, the documents it is shown, and what must never happen in it."""

import os
import shutil

import pytest

import pbits
from pbits import report
from pbits.accounts import Account, Input
from pbits.parameters import Evidence, Source

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE, PHONE = (1280, 900), (380, 800)


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pages are not opened")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed: pages are not opened in a browser")
    with playwright.sync_playwright() as driver:
        # Each launch has a fresh folder for its user data.
        one = driver.chromium.launch(executable_path=program, args=list(FLAGS), env=dict(os.environ))
        yield one
        one.close()


@pytest.fixture
def complaints():
    """What the pages of a test logged or threw."""
    return []


@pytest.fixture
def show(browser, tmp_path, complaints):
    """Opens a page from its HTML; fails if it logs, throws, or asks for anything but itself."""
    contexts, requests = [], []

    def opened(html, *, size=WIDE, fragment="", javascript=True, name="page.html"):
        path = tmp_path / name
        path.write_text(html, encoding="utf-8")
        width, height = size
        context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=javascript)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url.partition("#")[0]))
        page.goto(path.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith("file://") and url.endswith(".html") for url in requests)


@pytest.fixture(scope="session")
def comparisons():
    """At a boundary of each pair, and at one for all; in the first a pair cannot be divided."""
    gate = pbits.problems.read("and-gate")
    schedule = pbits.Schedule(n_samples=400, n_warmup=50, chains=4)
    machines = ["fpga-all-to-all", "gpu-h100-sxm", "cpu-epyc-9654"]
    uplifts = {"cpu-epyc-9654": {"board": {"factor": 1.2, "power_w": 20.0}}}
    return [
        pbits.compare(gate, ["ideal", *machines], schedule, seed=1),
        pbits.compare(gate, machines, schedule, seed=1, uplifts=uplifts),
    ]


@pytest.fixture(scope="session")
def documents(comparisons):
    return [one.to_dict() for one in comparisons]


@pytest.fixture(scope="session")
def pages(documents):
    """A page of each comparison."""
    return [report.to_html([document]) for document in documents]


@pytest.fixture(scope="session")
def page_html(pages):
    return pages[0]


def number(key, label, value, low, high, unit="J", evidence=Evidence.ASSUMED, **more):
    return Input(key=key, label=label, value=value, low=low, high=high, unit=unit, evidence=evidence, **more)


@pytest.fixture(scope="session")
def check():
    """A GPU's updates against a chip's, with its reads and a host that is on for as long."""
    updates = number("updates", "updates of a sample", 1e9, 1e9, 1e9, "1", None)
    spice = {"evidence": Evidence.SIMULATED, "group": "spice"}
    paper = Source(key="p", authors="A. Paper", title="A GPU", year=2020, identifier="doi:10.0/0", read="memory")
    return pbits.check_claim(
        10_000,
        machine=Account(
            "updates * update + reads * read + seconds * host",
            [
                updates,
                number("update", "an update of the chip", 7.1e-15, 2e-15, 2.1e-14, **spice),
                number("reads", "reads of the chip", 1e5, 1e5, 1e5, "1", None),
                number("read", "a read of the chip", 1.7e-12, 5e-13, 5e-12, **spice),
                number("seconds", "seconds of the chip", 2e-6, 2e-6, 2e-6, "s", None),
                number("host", "the host", 0.1, 0.01, 1.0, "W", note="a guess: <nobody> says"),
            ],
        ),
        rival=Account(
            "updates * max(update, floor)",
            [
                updates,
                number("update", "an update of the GPU", 1e-10, 1e-11, 8e-10, source="p", evidence=Evidence.MEASURED),
                number("floor", "least of the GPU", 3e-12, 3e-12, 3e-12, "J", None),
            ],
        ),
        boundary="board",
        quality="not matched",
        name="A chip",
        statement="10,000 times less energy than a GPU",
        alternatives=[pbits.claims.Alternative(label="a laptop for a host", inputs={"host": "10 W"})],
        maps=[{"x": "host", "y": "update_2"}],
        criticism=["A chip that will not be built takes nothing."],
        sources={"p": paper},
    )


@pytest.fixture(scope="session")
def claim_account(check):
    return check.account


@pytest.fixture(scope="session")
def claim(check):
    return check.to_dict()
