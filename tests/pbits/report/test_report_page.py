"""The page: whole, self-contained, the same bytes every time, and honest about what is missing."""

import re
from html.parser import HTMLParser

import pytest

from pbits import report
from pbits.report import pictures

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Outline(HTMLParser):
    """Checks that tags close in order, and collects ids, inner links and what would be fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.fetched, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        named = dict(attrs)
        if "id" in named:
            self.ids.append(named["id"])
        for name in ("href", "src", "xlink:href", "data", "srcset"):
            value = named.get(name)
            if value and value.startswith("#"):
                self.links.append(value[1:])
            elif value:
                self.fetched.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(name="page", scope="module")
def both_on_a_page(originals):
    return report.to_html(originals, title="Two <problems>")


def outline_of(page):
    outline = Outline()
    outline.feed(page)
    outline.close()
    return outline


def test_page_is_well_formed_and_self_contained(page):
    outline = outline_of(page)
    assert outline.open == []
    assert outline.fetched == []
    assert "url(http" not in page
    assert "@import" not in page
    assert "<script" not in page
    assert len(page.encode()) < 2_000_000


def test_ids_are_unique_and_links_arrive(page):
    outline = outline_of(page)
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.links) <= set(outline.ids)
    assert set(re.findall(r"url\(#([\w-]+)\)", page)) <= set(outline.ids)


def test_bytes_are_the_same_every_time(page, anneal, sampling):
    assert report.to_html([anneal, sampling], title="Two <problems>") == page
    assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\dT", page)


def test_a_page_from_a_stored_file_is_the_same(page, anneal, sampling, tmp_path):
    path = report.write_text(tmp_path / "both.json", report.to_json([anneal, sampling]))
    assert report.to_html(report.from_json(path), title="Two <problems>") == page


def test_the_head_links_titles_and_each_verdict_is_in_its_section(page, anneal):
    assert f'<a href="#c1">{anneal["title"]}</a>' in page
    assert page.count(anneal["verdict"]) == 1
    assert page.index(anneal["verdict"]) > page.index('<section id="c1">')


def test_marks_of_the_machines_are_on_the_page(anneal, sampling):
    anneal["rows"][1]["joules"]["quality"]["full_batch"] = True
    anneal["rows"][2]["joules"]["at_boundary"]["without_idle"] = 4.7e-5
    page = report.to_html([anneal, sampling])
    assert '264 pJ<span class="aside">share of a full batch</span>' in page
    assert 'not stated<span class="aside">47 µJ without standby</span>' in page
    assert '200<span class="aside">not converged</span>' in page
    assert 'A chip behind an embedding <i class="tag">illustrative</i>' in page
    assert page.count('<i class="tag">') == 2
    assert '500 ms<span class="aside">250 ms to 1 s</span>' in page


def test_a_machine_far_off_does_not_flatten_the_others(anneal):
    near = report.to_html([anneal])
    assert "logarithmic beyond" not in near
    anneal["rows"][2]["trace"]["mean"] = [9e4, 5e4, 3e4, 2e4]
    # The best one ends at 14, 1.5 above the lowest; a thousandth of the widest is more.
    assert "logarithmic beyond 90" in report.to_html([anneal])


def test_text_from_documents_is_escaped(page):
    assert "Two &lt;problems&gt;" in page
    assert "<Essen>" not in page
    assert "too few &lt;effective&gt; samples" in page
    assert "A Chip &lt;of&gt; Many Bits" in page


def test_refusals_gaps_and_bounds_are_shown_with_reasons(page):
    text = " ".join(" ".join(outline_of(page).text).split())
    assert "the model has 16 sites and the machine 9; 12 neighbours" in text
    assert "the price of power.idle is not stated" in text
    assert "≥ 28 pJ" in text
    assert "the device time of programming is not stated" in text
    assert "the cap on β|J| is not stated" in text
    assert "3.1 %" in text


def test_an_infeasible_tour_says_so_in_the_picture_and_beside_it(page):
    assert page.count("INFEASIBLE") == 1
    assert page.count('class="badge infeasible"') == 1


def test_every_ledger_line_and_its_source_is_there(page):
    assert page.count("<td>update</td>") == 3
    assert page.count('href="#source-maker2026"') >= 4
    assert "citing source: a repository" in page


def test_distance_captions_name_the_noise_floor(page):
    assert "total variation to the exact law of the model as posed: 0.41 (chance 0.01)" in page


def test_the_three_errors_are_three_numbers(page):
    text = " ".join(" ".join(outline_of(page).text).split())
    assert "chip-a 0.0123 0 0.00777 0.41 0.01" in text


def test_pages_of_refusals_only_and_of_nothing_render(anneal):
    anneal["rows"], anneal["ratios"] = anneal["rows"][-1:], []
    assert "Refused." in report.to_html([anneal])
    assert "<h1>" in report.to_html([])


def test_pictures_of_unknown_kinds_and_without_a_map_are_left_out(anneal):
    anneal["rows"][0]["picture"] = {"kind": "hologram"}
    anneal["rows"][1]["picture"]["coordinates"] = None
    assert report.to_html([anneal]).count("<figcaption><b>") == 1


def test_joules_without_any_known_value_draw_no_chart(sampling):
    for row in sampling["rows"]:
        row["joules"]["quality"]["joules"] = None
    assert "<h3>Joules per effective sample</h3>" not in report.to_html([sampling])


def test_captions_in_other_scripts_do_not_warn(anneal):
    anneal["rows"][0]["picture"]["names"] = ["東京", "Ω", "ß", "é", "क"]
    assert "東京" in pictures.to_svg(anneal["rows"][0]["picture"], "k")
