// One row: its picture or cells, what the model makes of it, and the rows most like it.
import { decodedCells, paintImage, switched } from "./cells.js";
import { button, canvas, h, section } from "./dom.js";
import { facts, rowButton } from "./facts.js";
import { percent, rowCell, number } from "./format.js";
import { rowName } from "./payload.js";

const BARS = 5; // classes whose probability is shown
const VALUES = 40; // values of a vector

export class RowView {
  constructor(page, decoding) {
    this.page = page;
    this.decoding = decoding;
    this.body = h("div", { class: "row-body" });
    this.spoken = h("p", { class: "sr", role: "status" });
    this.title = h("span", { class: "row-name" });
    this.element = section("Row", { class: "card row" }, this.spoken, this.body);
    this.element.querySelector("h2").append(" ", this.title);
    page.state.on("focus labels", () => this.show());
    page.state.on("walk", () => this.show());
    this.show();
  }

  show() {
    const { data, state } = this.page;
    const row = state.focused;
    if (row < 0) {
      this.title.textContent = "";
      this.body.replaceChildren(h("p", { class: "hint", text: data.map
        ? "Click a point of the map, or move through it with the arrow keys." : "Choose a row from a list." }));
      return;
    }
    this.title.textContent = String(data.keys[row]);
    this.spoken.textContent = [rowName(data, row), ...facts(data, this.page.labels, row).map((pair) => pair.join(" "))].join(", ");
    const part = data.part[row] ? "training row" : "test row";
    this.body.replaceChildren(...[
      this._pictures(row),
      h("dl", { class: "facts" }, [...facts(data, this.page.labels, row), ["Part", part]]
        .map(([term, text]) => h("div", {}, h("dt", { text: term }), h("dd", { text })))),
      this._probabilities(row),
      data.data === "images" ? null : this._cells(row),
      this._neighbours(row),
      this._walk(row),
    ].filter(Boolean));
  }

  _pictures(row) {
    const { thumbnails, data } = this.page;
    if (!thumbnails.any) return null;
    const picture = thumbnails.element(`Picture of ${rowName(data, row)}`, { class: "large" });
    thumbnails.draw(picture, row);
    const figures = [h("figure", {}, picture, h("figcaption", { text: "Row" }))];
    const x = this.decoding?.ofRow(row);
    if (x && this.decoding.output.type === "image") {
      const [height, width] = this.decoding.output.shape;
      const again = canvas(width, height, `Reconstruction of ${rowName(data, row)}`,
        { class: width * height > 4096 ? "large smooth" : "large", "data-what": "reconstruction" });
      paintImage(again, x, this.decoding.output.shape);
      figures.push(h("figure", {}, again, h("figcaption", { text: "Reconstruction" })));
    }
    return h("div", { class: "pictures" }, figures);
  }

  _probabilities(row) {
    const { data } = this.page;
    if (!data.probabilities) return null;
    const width = data.classes.length;
    const order = data.classes.map((_, k) => k).sort((a, b) => data.probabilities[row * width + b] - data.probabilities[row * width + a]);
    return h("ul", { class: "bars", "aria-label": "Probabilities" }, order.slice(0, BARS).map((k) => {
      const p = data.probabilities[row * width + k];
      const bar = h("span", { class: "bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", `${100 * p}%`);
      return h("li", {}, h("span", { class: "name", text: data.classes[k] }), bar, h("span", { class: "count", text: percent(p) }));
    }));
  }

  _cells(row) {
    const { data } = this.page;
    const x = this.decoding?.ofRow(row);
    const again = x && this.decoding.output.type === "table"
      ? new Map(decodedCells(this.decoding.output, x).map((cell) => [cell.name, cell])) : null;
    const cells = data.columns.map((column) => [column.name, rowCell(column, row), again?.get(column.name)]);
    if (!cells.length) return x ? this._values(x) : null;
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cells of the row" }, h("table", {},
      h("thead", {}, h("tr", {}, ["Column", "Cell", again && "Decoded"].filter(Boolean).map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, cells.map(([name, cell, decoded]) => h("tr", {}, h("th", { scope: "row", text: name }), h("td", { text: cell }),
        again && h("td", { text: decoded?.text ?? "", class: decoded && switched(decoded, { text: cell }) ? "changed" : null }))))));
  }

  _values(x) {
    const text = [...x.slice(0, VALUES)].map((value) => number(value)).join(", ");
    return h("p", { class: "hint", text: `Reconstruction: ${text}${x.length > VALUES ? ", …" : ""}` });
  }

  _neighbours(row) {
    const { data } = this.page;
    if (!data.neighbours) return null;
    const near = [...data.neighbours.subarray(row * data.neighbourCount, (row + 1) * data.neighbourCount)].filter((k) => k < data.count && k !== row);
    return h("div", {}, h("h3", { text: "Most like it" }), h("div", { class: this.page.thumbnails.any ? "tiles" : "tiles wide" }, near.map((k) => rowButton(this.page, k))));
  }

  _walk(row) {
    if (!this.decoding || !this.page.data.codes) return null;
    const { state } = this.page;
    const set = (end) => button(`Walk ${end ? "to" : "from"} this row`, () => state.setWalk(end, row),
      { "aria-pressed": String(state.walk[end] === row), title: end ? "Key ]" : "Key [" });
    return h("div", { class: "buttons" }, set(0), set(1));
  }
}

