// Tabs: the decoder and lists of rows.
import { h } from "./dom.js";
import { rowButton } from "./facts.js";
import { count } from "./format.js";

const AT_ONCE = 200;

export class Tabs {
  // `tabs`: [{name, title, element, onShow}]
  constructor(label, tabs, onChange) {
    this.tabs = tabs;
    this.onChange = onChange;
    this.bar = h("div", { class: "tabs", role: "tablist", "aria-label": label });
    this.element = h("div", {}, this.bar);
    for (const tab of tabs) {
      tab.button = h("button", { type: "button", role: "tab", id: `tab-${tab.name}`, "aria-controls": `panel-${tab.name}`, text: tab.title,
        onclick: () => this.open(tab.name) });
      tab.panel = h("div", { role: "tabpanel", id: `panel-${tab.name}`, "aria-labelledby": `tab-${tab.name}`, class: "panel" }, tab.element);
      this.bar.append(tab.button);
      this.element.append(tab.panel);
    }
    this.bar.addEventListener("keydown", (event) => this._key(event));
    this.open(tabs[0].name);
  }

  open(name) {
    for (const tab of this.tabs) {
      const chosen = tab.name === name;
      tab.button.setAttribute("aria-selected", String(chosen));
      tab.button.tabIndex = chosen ? 0 : -1;
      tab.panel.hidden = !chosen;
      if (chosen) this.current = tab;
    }
    this.onChange(this.current);
  }

  _key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = this.tabs[(this.tabs.indexOf(this.current) + step + this.tabs.length) % this.tabs.length];
    this.open(next.name);
    next.button.focus();
    event.preventDefault();
  }
}

// A list of rows as small pictures; the arrow keys move through it.
export class RowList {
  constructor(page, explanation, empty) {
    this.page = page;
    this.explanation = explanation;
    this.empty = empty;
    this.rows = [];
    this.element = h("div", {});
    this.element.addEventListener("keydown", (event) => this._key(event));
    page.state.on("focus", () => this._mark());
    page.state.on("labels", () => this.tiles && !this.element.closest("[hidden]") && this.show(this.rows));
  }

  show(rows) {
    this.rows = rows;
    const shown = rows.slice(0, AT_ONCE);
    const inside = this.element.contains(document.activeElement);
    this.tiles = h("div", { class: this.page.thumbnails.any ? "tiles" : "tiles wide", role: "group", "aria-label": this.explanation }, shown.map((row) => rowButton(this.page, row, { tabindex: "-1" })));
    const text = rows.length ? `${this.explanation}: ${count(rows.length, "row")}${rows.length > AT_ONCE ? `, the first ${AT_ONCE} shown` : ""}.` : this.empty;
    this.element.replaceChildren(h("p", { class: "hint", text }), this.tiles);
    this._mark();
    if (inside) this.tiles.querySelector("[tabindex='0']")?.focus();
  }

  _mark() {
    if (!this.tiles?.children.length) return;
    let current = null;
    for (const tile of this.tiles.children) {
      tile.tabIndex = -1;
      if (Number(tile.dataset.at) === this.page.state.focused) current = tile;
      tile.removeAttribute("aria-current");
    }
    current?.setAttribute("aria-current", "true");
    (current ?? this.tiles.firstElementChild).tabIndex = 0;
    if (current && this.tiles.contains(document.activeElement)) current.focus();
  }

  _key(event) {
    const tiles = [...this.tiles.children];
    const at = tiles.indexOf(document.activeElement);
    if (at < 0) return;
    const columns = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    const next = step && tiles[at + step];
    if (!step) return;
    event.preventDefault();
    if (!next) return;
    next.focus();
    this.page.state.focus(Number(next.dataset.at));
  }
}
