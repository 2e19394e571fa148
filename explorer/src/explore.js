// The page of `aae explore`: the map with its legend, the row, the decoder and the lists, and labelling.
import { Decoding, DecoderPanel } from "./decoding.js";
import { h, section } from "./dom.js";
import { Tooltip } from "./facts.js";
import { help, listen } from "./keyboard.js";
import { Labelling } from "./labelling.js";
import { Legend } from "./legend.js";
import { RowList, Tabs } from "./lists.js";
import { MapView } from "./map.js";
import { RowView } from "./row.js";

const KEYS = [
  ["1 … 0", "label the selected rows, or the row in focus"],
  ["N", "type a class"],
  ["Space", "skip to the next row"],
  ["Backspace", "undo the last label"],
  ["← ↑ → ↓", "on the map: to the next row that way; in a list: to the next row"],
  ["Shift+← ↑ → ↓", "move the map"],
  ["+ − F", "zoom in, zoom out, show all"],
  ["V L B D", "move, lasso, box, decode"],
  ["Enter", "with lasso or box: a corner at the cross that the arrows move, and again to end; else: add the row to the selection"],
  ["S", "add the row to the selection, or take it out"],
  ["A", "select all rows that are shown"],
  ["Esc", "end the selection"],
  ["[ ]", "walk from this row, to this row"],
  ["M", "go to the map"],
];

function noMistakes(data) {
  if (!data.prediction) return "This model does not predict classes, so it has no mistakes to list.";
  return data.label.some((label) => label >= 0) ? "No row with a label is predicted wrong."
    : "None of these rows has a label in the data, so no mistake is known.";
}

function lists(page) {
  const { data, state } = page;
  const all = [
    ["mistakes", "Mistakes", "Most confident mistakes, the most confident first", noMistakes(data)],
    ["uncertain", "Unsure", "Rows the model is least sure of", "This model predicts neither classes nor clusters."],
    ["unusual", "Unusual", "Rows least like any other, the most unusual first", "There is nothing to compare these rows by."],
  ];
  const tabs = all.map(([name, title, explanation, empty]) => {
    const list = new RowList(page, explanation, empty);
    return { name, title, element: list.element, rows: () => data.lists[name], onShow: () => list.show(data.lists[name]) };
  });
  const chosen = new RowList(page, "Selected rows", "Select rows with the lasso or the box, or add one with S.");
  const selected = { name: "selected", title: "Selected", element: chosen.element, rows: () => [...state.selection], onShow: () => chosen.show([...state.selection]) };
  state.on("selection", () => selected.panel && !selected.panel.hidden && selected.onShow());
  return [...tabs, selected];
}

function decoderTab(page) {
  const { decoding, error } = Decoding.of(page.data);
  if (!decoding) return { tab: error && { name: "decoder", title: "Decoder", element: h("p", { class: "hint", text: error }) } };
  const panel = new DecoderPanel(page, decoding);
  return { decoding, panel, tab: { name: "decoder", title: "Decoder", element: panel.element, onShow: () => panel.follow() } };
}

export function explore(page, main, header) {
  const { data, state, labels } = page;
  const legend = new Legend(state, labels);
  const { decoding, panel, tab } = decoderTab(page);
  let tabs = null;
  if (data.map) {
    page.map = new MapView(state, legend, { tooltip: new Tooltip(page),
      onDecode: data.map.is_code && panel ? (place) => { tabs.open("decoder"); panel.setPlace(place); } : null });
  }
  const labelling = new Labelling(page, { advance: () => state.focus(state.next((row) => !labels.given.has(row))) });
  tabs = new Tabs("Decoder and lists", [tab, ...lists(page)].filter(Boolean), (current) => {
    state.queue = current.rows?.() ?? null;
    current.onShow?.();
  });
  state.on("selection", () => { if (tabs.current.name === "selected") state.queue = [...state.selection]; });
  const { map } = page;
  const help_ = help(map ? KEYS : KEYS.filter(([, text]) => !/map|zoom|lasso/.test(text)));
  header.append(help_.button);
  main.append(
    h("div", { class: "left" },
      map && section("Map", { class: "card" }, h("p", { class: "hint", id: "map-help", text: `${data.map.title[0].toUpperCase()}${data.map.title.slice(1)}. The arrow keys go from row to row.` }),
        h("div", { class: "bar" }, map.toolbar, legend.chooser), map.frame, map.shown, legend.element),
      section("Labels", { class: "card labels" }, labelling.elements)),
    h("div", { class: "right" },
      new RowView(page, decoding).element,
      h("section", { class: "card tabbed", "aria-label": "Decoder and lists" }, tabs.element)));
  const tool = (name) => () => map && map.buttons.some((each) => each.dataset.tool === name) && (map.choose(name), map.frame.focus());
  listen({
    digit: (key) => labelling.key(key), " ": () => labelling.skip(), Backspace: () => labelling.undo(), "?": () => help_.open(),
    n: () => labelling.input.focus(), v: tool("pan"), l: tool("lasso"), b: tool("box"), d: tool("decode"),
    "+": () => map?._zoom(1.5), "=": () => map?._zoom(1.5), "-": () => map?._zoom(1 / 1.5), f: () => map?.fit(), m: () => map?.frame.focus(),
    s: () => state.focused >= 0 && state.toggle(state.focused),
    a: () => state.select([...state.visible.keys()].filter((row) => state.visible[row])),
    Escape: () => state.select([]),
    "[": () => decoding && data.codes && state.focused >= 0 && state.setWalk(0, state.focused),
    "]": () => decoding && data.codes && state.focused >= 0 && state.setWalk(1, state.focused),
  });
  page.labelling = labelling;
  page.decoding = decoding;
  page.panel = panel;
  page.tabs = tabs;
}
