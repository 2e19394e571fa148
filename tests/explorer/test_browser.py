"""The page in a real browser: map, row, decoder, lists, keys."""

import numpy as np
import pytest

from aae.explorer.arrays import pack
from helpers.explorer_pages import CLASSES, HOSTILE, LEFT, RIGHT, ROWS, payload, table

WAIT = 100  # milliseconds, for a picture to be drawn


def drag(page, *places):
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_points_are_drawn(visit):
    one = visit(payload())
    one.page.wait_for_function("() => aaeExplorer.map.drawn === 40")
    assert one.page.locator(".shown").inner_text() == f"{ROWS} rows shown"
    place = """rows => rows.map(row => { const { view, points, ratio } = aaeExplorer.map;
        return view.toScreen(points[2 * row], points[2 * row + 1]).map(at => Math.round(at * ratio)); })"""
    first, second, other = one.image("canvas.plot", one.run(place, [0, 1, 30]))
    assert first[2] > first[0] + 60  # blue
    assert second[0] > second[2] + 60  # orange
    assert max(other[:3]) - min(other[:3]) < 20  # grey: no label


def test_lasso_and_box_select(visit):
    one = visit(payload())
    one.tool("Lasso")
    drag(one.page, *(one.screen(*place) for place in [(-0.4, -0.4), (5, -1), (5, 5), (-0.4, 5)]))
    assert one.selected == list(LEFT)
    # The text follows with the next frame.
    one.page.wait_for_function("() => document.querySelector('.shown').innerText.endsWith('20 selected')")
    one.tool("Box")
    drag(one.page, one.screen(8, -1), one.screen(14, 6))
    assert one.selected == list(RIGHT)
    one.page.keyboard.press("Escape")
    assert one.selected == []


def test_zoom_pan_and_fit(visit):
    one = visit(payload())
    scale = "() => aaeExplorer.map.view.scale"
    before = one.run(scale)
    one.page.mouse.move(*one.screen(3, 2))
    one.page.mouse.wheel(0, -400)
    one.page.wait_for_function("before => aaeExplorer.map.view.scale > 1.5 * before", arg=before)
    at = one.screen(3, 2)
    drag(one.page, at, (at[0] + 50, at[1] + 20))
    assert one.screen(3, 2) == pytest.approx((at[0] + 50, at[1] + 20), abs=1)
    one.page.get_by_role("button", name="Fit").click()
    assert one.run(scale) == pytest.approx(before)


def test_a_click_shows_the_row(visit):
    one = visit(payload())
    one.page.mouse.click(*one.screen(10, 4))  # row 24
    assert one.focused == 24
    row = one.page.locator("section.row")
    assert "24.png" in row.inner_text()
    assert "90 %" in row.inner_text()
    assert row.locator(".tile").count() == 10
    row.locator(".tile").first.click()
    assert one.focused == 25


def test_legend_filters(visit):
    one = visit(payload())
    one.page.locator(".entry", has_text="cat").click()
    one.page.wait_for_function("() => aaeExplorer.map.drawn === 30")
    assert one.page.locator(".shown").inner_text() == "30 of 40 rows shown"
    one.page.get_by_role("button", name="Show all").click()
    one.page.wait_for_function("() => aaeExplorer.map.drawn === 40")


@pytest.mark.parametrize(("entries", "ways"), [
    (payload(), ["Class", "Predicted class", "Your labels", "Confidence", "Right or wrong", "Test or training row"]),
    (table(), ["Class", "Predicted class", "Your labels", "Confidence", "Right or wrong", "Test or training row",
               "width", "<i>kind</i>"]),
], ids=["images", "table"])  # fmt: skip
def test_every_colour(visit, entries, ways):
    one = visit(entries)
    assert one.page.locator("#colour option").all_inner_texts() == ways
    for way in ways:
        one.page.select_option("#colour", label=way)
        counts = one.page.locator(".entry .count").all_inner_texts()
        assert sum(map(int, counts)) == ROWS, way
    one.page.select_option("#colour", label="Right or wrong")
    assert one.page.locator(".entry").all_inner_texts() == ["right\n19", "wrong\n1", "no label\n20"]


def test_decoder_follows_slider_and_map(visit):
    one = visit(payload())
    before = one.image("[data-what=decoded]")
    slider = one.page.get_by_role("slider", name="z1")
    slider.focus()
    for _ in range(5):
        one.page.keyboard.press("ArrowRight")
    moved = one.image("[data-what=decoded]")
    assert moved != before
    value = float(slider.input_value())
    assert moved[0] == pytest.approx(255 / (1 + 2.718281828 ** -value), abs=1)
    one.tool("Decode")
    drag(one.page, one.screen(0, 0), one.screen(2, 1))
    assert one.image("[data-what=decoded]")[0] == pytest.approx(255 / (1 + 2.718281828**-2), abs=3)
    one.page.get_by_role("button", name="Reset").click()
    assert one.image("[data-what=decoded]") == before


def test_decoder_follows_the_row_in_focus(visit):
    one = visit(payload())
    values = "() => Array.from(aaeExplorer.panel.values)"
    one.focus(24)
    assert one.run(values) == pytest.approx([2, 0.8], abs=1e-3)  # its code
    one.page.keyboard.press("m")
    one.page.keyboard.press("ArrowRight")
    assert one.run(values) == pytest.approx([2.2, 0.8], abs=1e-3)
    one.page.get_by_role("tab", name="Unsure").click()
    one.focus(0)
    one.page.get_by_role("tab", name="Decoder").click()
    assert one.run(values) == [0, 0]


def test_clusters_are_called_so(visit):
    latent = {"name": "y", "dim": 2, "kind": "category", "clusters": True, "prior": None, "names": None, "mean": [0, 0],
              "std": [0, 0]}  # fmt: skip
    entries = {"decoder": {**payload()["decoder"], "latents": [latent]}, "prediction": None, "probabilities": None,
               "lists": {"mistakes": [], "uncertain": [], "unusual": []}}  # fmt: skip
    one = visit(payload(**entries))
    panel = one.page.locator("[role=tabpanel]:not([hidden])")
    assert panel.locator("legend").inner_text() == "Cluster y"
    assert panel.locator("fieldset button").all_inner_texts() == ["cluster 0", "cluster 1"]
    one.page.get_by_role("tab", name="Mistakes").click()
    assert panel.inner_text() == "This model does not predict classes, so it has no mistakes to list."
    other = visit(payload(label=pack([-1] * ROWS, "i16"), lists=entries["lists"]))
    other.page.get_by_role("tab", name="Mistakes").click()
    assert "None of these rows has a label" in other.page.locator("[role=tabpanel]:not([hidden])").inner_text()


@pytest.mark.parametrize(("days", "names"), [
    (np.arange(ROWS), ["before 2024-07-07", "2024-07-07 to 2024-07-12", "2024-07-12 to 2024-07-18",
                       "2024-07-18 to 2024-07-23", "2024-07-23 to 2024-07-29", "2024-07-29 to 2024-08-03",
                       "2024-08-03 or later"]),
    (np.arange(ROWS) % 2, ["2024-07-01 to 2024-07-02"]), (np.zeros(ROWS), ["2024-07-01"]),
], ids=["many days", "two days", "one day"])  # fmt: skip
def test_dates_without_times(visit, days, names):
    column = {"name": "seen", "kind": "date", "clock": False, "values": pack(1719792000 + 86400 * days, "f32"),
              "levels": None, "unit": None, "texts": None}  # fmt: skip
    one = visit(table(columns=[column]))
    one.page.select_option("#colour", label="seen")
    assert one.page.locator(".entry .name").all_inner_texts() == names
    one.focus(0)
    assert one.page.locator("section.row td").first.inner_text() == "2024-07-01"


def test_walk_and_prior(visit):
    one = visit(payload())
    for row, key in ((0, "["), (39, "]")):
        one.focus(row)
        one.page.keyboard.press(key)
    assert one.page.locator(".strip figcaption").all_inner_texts()[::7] == ["A", "B"]
    one.page.get_by_role("button", name="Draw from the prior").click()
    assert one.page.locator(".strip").count() == 2


def test_lists_are_tabs(visit):
    one = visit(payload())
    one.page.get_by_role("tab", name="Decoder").focus()
    expected = {"Mistakes": [4], "Unsure": [7, 8, 9, 10], "Unusual": [3], "Selected": []}
    for name, rows in expected.items():
        one.page.keyboard.press("ArrowRight")
        assert one.page.locator("[role=tab][aria-selected=true]").inner_text() == name
        tiles = one.page.locator("[role=tabpanel]:not([hidden]) .tile")
        assert [int(tile.get_attribute("data-at")) for tile in tiles.all()] == rows


def test_keyboard_alone(visit):
    one = visit(payload(), width=500)
    keys = one.page.keyboard
    keys.press("m")
    keys.press("ArrowLeft")  # focuses the row in the middle of the map
    first = one.focused
    assert first >= 0
    keys.press("ArrowUp")
    assert one.focused != first
    keys.press("2")  # dog
    assert list(one.labels.values()) == ["dog"]
    keys.press("Backspace")
    assert one.labels == {}
    keys.press("b")  # a box: both corners by Enter at a cross that the arrows move
    for _ in range(16):
        keys.press("ArrowLeft")
    for _ in range(12):
        keys.press("ArrowUp")
    keys.press("Enter")
    for _ in range(20):
        keys.press("ArrowDown")
    for _ in range(8):
        keys.press("ArrowRight")
    keys.press("Enter")
    assert one.selected == list(LEFT)
    keys.press("1")
    assert one.labels == dict.fromkeys(LEFT, "cat")
    keys.press("?")
    assert one.page.locator("dialog[open] h2").inner_text() == "Keys"
    keys.press("Escape")
    keys.press("n")
    keys.type("owl")
    keys.press("Enter")
    assert "owl" in one.labels.values()
    one.page.get_by_role("tab", name="Decoder").focus()
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("Tab")
    keys.press("ArrowRight")
    assert one.focused == 8


def test_names_cannot_inject(visit):
    one = visit(payload(), color_scheme="dark")
    one.focus(1)
    assert HOSTILE in one.page.locator("section.row").inner_text()
    assert CLASSES[2] in one.page.locator(".classes").inner_text()
    assert one.page.locator("img").count() == 0
    other = visit(table(title="<script>alert(1)</script>"))
    other.focus(2)
    cells = other.page.locator("section.row tbody").inner_text()
    assert "<b>old</b>" in cells
    assert "empty" in cells
    assert other.page.title() == "<script>alert(1)</script>"


def test_no_decoder_and_no_map(visit):
    one = visit(payload(decoder={"error": "The page cannot run it; everything else works."}))
    one.focus(3)
    assert "The page cannot run it" in one.page.locator("[role=tabpanel]:not([hidden])").inner_text()
    other = visit(payload(map=None, decoder={**payload()["decoder"], "ops": [{"op": "attention"}]}))
    assert "does not know the layer “attention”" in other.page.locator("[role=tabpanel]:not([hidden])").inner_text()


@pytest.mark.parametrize(("scheme", "entries"), [("light", payload()), ("dark", table())], ids=["light", "dark"])
def test_axe_and_narrow_windows(visit, scheme, entries):
    one = visit(entries, width=400, color_scheme=scheme)
    one.focus(4)
    one.page.keyboard.press("1")
    one.page.wait_for_timeout(WAIT)
    assert one.run("() => document.documentElement.scrollWidth") <= 400
    assert one.axe() == []
