"""Pages open without complaint, fit a telephone, print, and can be read without a script."""

import pytest
from typer.testing import CliRunner

from pbits import report
from pbits.cli import app

WIDE, PHONE = (1280, 900), (380, 800)


@pytest.fixture(params=["comparison", "claim"])
def html(request, page_html, claim):
    return page_html if request.param == "comparison" else report.claim_html([claim])


def test_pages_open_without_a_complaint(show, html):
    # The fixture judges the console and the requests.
    page = show(html)
    assert page.locator(".assumptions.live").count() >= 1


def test_a_complaint_would_be_heard(show, html, complaints):
    page = show(html)
    with page.expect_console_message() as heard:
        page.evaluate("console.warn('one')")
    assert heard.value.text == "one"
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('two') })")
    assert complaints == ["warning: one", "two"]
    complaints.clear()


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "opened"])
def test_nothing_is_wider_than_a_telephone(show, html, opened):
    page = show(html, size=PHONE)
    if opened:
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    slider = page.locator(".assumptions input:visible").first.bounding_box()
    assert slider["width"] > 250
    assert slider["height"] >= 24


def test_the_ratio_stays_in_sight_while_a_slider_moves(show, html):
    for size in (WIDE, PHONE):
        page = show(html, size=size)
        page.locator(".assumptions").first.locator("[data-uncertain] .input:visible").last.scroll_into_view_if_needed()
        box = page.locator("[data-ratio]").first.bounding_box()
        assert 0 <= box["y"] < size[1]


def test_print_hides_the_controls_and_keeps_the_values(show, html):
    page = show(html)
    row = page.locator("[data-uncertain] .input:visible").first
    row.locator("input").fill("40")
    set_to, stated = row.locator("output").inner_text(), row.locator(".was").inner_text()
    page.emulate_media(media="print")
    for kind in ("input", "select", "button", ".axis", ".ticks"):
        assert page.locator(f".assumptions {kind}").locator("visible=true").count() == 0
    assert row.locator("output").is_visible()
    assert row.locator("output").inner_text() == set_to
    assert stated.startswith("stated: ")
    assert row.locator(".was").is_visible()
    assert page.locator("[data-interval]").first.is_visible()
    assert page.locator("[data-tornado] tr").first.is_visible()


def test_pages_can_be_read_without_a_script(show, html):
    page = show(html, javascript=False)
    first = page.locator(".assumptions").first
    assert first.locator("[data-ratio]").inner_text()[0].isdigit()
    assert " to " in first.locator("[data-interval]").inner_text()
    assert first.locator("output:visible").count() >= 3
    assert first.locator("[data-tornado] tr").count() >= 3
    assert page.locator("select:visible, button:visible, input:visible").count() == 0


def test_controls_have_names(show, html):
    page = show(html)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")].filter((one) => {
          const labelled = document.getElementById(one.getAttribute("aria-labelledby"));
          return !(one.getAttribute("aria-label") || labelled?.textContent || one.textContent.trim());
        }).length"""
    )
    assert nameless == 0
    doubled = page.evaluate(
        "() => { const all = [...document.querySelectorAll('[id]')].map((one) => one.id);"
        " return all.length - new Set(all).size; }"
    )
    assert doubled == 0


def test_text_stands_out_from_its_ground(show, html):
    """WCAG 2.2, 1.4.3: a contrast of at least 4.5, controls that cannot be used excepted."""
    page = show(html)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    weak = page.evaluate(
        """() => {
          const parts = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
            .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
          const ground = (one) => {
            for (let at = one; at; at = at.parentElement) {
              const colour = parts(getComputedStyle(at).backgroundColor);
              if (colour.length < 4 || colour[3] > 0) return colour;
            }
            return [255, 255, 255];
          };
          const found = [];
          for (const one of document.querySelectorAll("main *:not(svg *):not(script):not(:disabled)")) {
            const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
            if (!own || !one.checkVisibility()) continue;
            const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
            if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${one.className}: ${one.textContent.slice(0, 30)}`);
          }
          return found;
        }"""
    )
    assert weak == []


@pytest.mark.parametrize(
    "options",
    [
        ["and-gate", "--chains", "4", "--seed", "1"],
        # The README's main job.
        pytest.param([], marks=pytest.mark.slow, id="all"),
    ],
)
def test_what_compare_writes_opens_and_every_pair_can_be_shown(show, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["compare", *options]).exit_code == 0
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = show(html, size=PHONE)
    assert page.locator(".assumptions.live").count() >= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    for section in page.locator(".assumptions").all():
        first, second = section.locator("select").all()
        for a in first.locator("option").all_inner_texts():
            first.select_option(a)
            for b in second.locator("option").all_inner_texts():
                second.select_option(b)
                known = section.locator("[data-ratio]").inner_text() != "—"
                assert known == (section.locator("[data-why]").inner_text() == "")
