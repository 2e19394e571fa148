// Builds the page from its payload.
import { Thumbnails } from "./cells.js";
import { fadeScrollers, h } from "./dom.js";
import { explore } from "./explore.js";
import { count } from "./format.js";
import { labelPage } from "./labelmode.js";
import { Labels } from "./labels.js";
import { readPayload } from "./payload.js";
import { State } from "./state.js";

// A frame without an origin (in a notebook) may have no storage.
function storage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function subtitle(data) {
  const rows = count(data.count, "row");
  return [data.preset && `${data.preset} model`, data.run, data.mode === "label" ? `${rows} to label` : rows, data.recipe].filter(Boolean).join(" · ");
}

function start() {
  const data = readPayload(document.getElementById("payload").textContent);
  const page = { data, state: new State(data), labels: new Labels(data, storage()), thumbnails: null };
  page.thumbnails = new Thumbnails(data.thumbnails, () => {});
  const header = h("header", {}, h("div", {}, h("h1", { text: data.title }), h("p", { class: "hint", text: subtitle(data) }),
    data.notes.map((text) => h("p", { class: "hint", text }))));
  const main = h("main", { class: data.mode });
  document.body.append(header, main, h("footer", {}, h("p", { class: "hint", text: `${data.generator}. This page loads nothing and sends nothing; labels stay in this browser until you download them.` })));
  (data.mode === "label" ? labelPage : explore)(page, main, header);
  fadeScrollers();
  window.aaeExplorer = page;
}

start();
