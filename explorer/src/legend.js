// The choice of what the map is coloured by, and the legend, whose entries show and hide their rows.
import { colourings } from "./colouring.js";
import { onSchemeChange } from "./colours.js";
import { button, h } from "./dom.js";

export class Legend {
  constructor(state, labels) {
    this.state = state;
    this.labels = labels;
    this.hidden = new Set();
    this.ways = colourings(state.data, labels);
    this.select = h("select", { id: "colour", onchange: () => this._choose() },
      this.ways.map((way) => h("option", { value: way.key, text: way.title })));
    this.list = h("ul", { class: "legend", "aria-label": "Legend: press an entry to hide or show its rows" });
    this.all = button("Show all", () => { this.hidden.clear(); this._filter(); }, { class: "quiet", hidden: true });
    this.element = h("div", { class: "legend-box" }, this.list, this.all);
    this.chooser = h("label", { class: "field" }, h("span", { text: "Colour by" }), this.select);
    state.on("labels", () => this.way.key === "given" && this._rebuild());
    onSchemeChange(() => this._rebuild());
    this._choose();
  }

  get way() {
    return this.ways[this.select.selectedIndex];
  }

  // Colours and shapes by group, that of rows without a group first.
  get styles() {
    return [-1, ...this.groups.names.keys()].map((k) => ({ colour: this.groups.colour(k), shape: this.groups.shape(k) }));
  }

  _choose() {
    this.hidden.clear();
    this._rebuild();
    this._filter();
  }

  _rebuild() {
    this.groups = this.way.groups();
    const counts = new Map();
    for (const group of this.groups.index) counts.set(group, (counts.get(group) ?? 0) + 1);
    const shown = [...this.groups.names.keys(), -1].filter((group) => counts.get(group));
    this.entries = new Map(shown.map((group) => [group, this._entry(group, counts.get(group))]));
    this.list.replaceChildren(...[...this.entries.values()].map((entry) => h("li", {}, entry)));
    this.list.classList.toggle("ranges", Boolean(this.groups.ranges));
    this._mark();
    this.state.emit("colour");
  }

  _entry(group, count) {
    const swatch = h("span", { class: `swatch ${this.groups.shape(group)}`, "aria-hidden": "true" });
    swatch.style.setProperty("--swatch", this.groups.colour(group));
    const name = group < 0 ? this.groups.none : this.groups.names[group];
    const entry = button("", (event) => this._toggle(group, event), { class: "entry", title: `${name}: hide or show; with Alt: only this` });
    entry.append(swatch, h("span", { class: "name", text: name }), h("span", { class: "count", text: count.toLocaleString("en-GB") }));
    return entry;
  }

  _toggle(group, event) {
    if (event.altKey) {
      const alone = !this.hidden.has(group) && this.hidden.size === this.entries.size - 1;
      this.hidden = new Set(alone ? [] : [...this.entries.keys()].filter((other) => other !== group));
    } else if (!this.hidden.delete(group)) this.hidden.add(group);
    this._filter();
  }

  _mark() {
    for (const [group, entry] of this.entries) entry.setAttribute("aria-pressed", String(!this.hidden.has(group)));
    this.all.hidden = this.hidden.size === 0;
  }

  _filter() {
    this._mark();
    this.state.show(Uint8Array.from(this.groups.index, (group) => Number(!this.hidden.has(group))));
  }
}
