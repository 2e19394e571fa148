// Pictures and cells: what a row or the decoder's output looks like.
import { canvas, h } from "./dom.js";
import { cell } from "./format.js";

export class Thumbnails {
  // `ready` is called whenever a sheet has been decoded.
  constructor(spec, ready) {
    this.spec = spec;
    this.sheets = [];
    if (!spec) return;
    this.sheets = spec.sheets.map((source) => {
      const image = new Image();
      image.onload = ready;
      image.src = source;
      return image;
    });
    [this.height, this.width] = spec.tile;
  }

  get any() {
    return this.sheets.length > 0;
  }

  element(label, attributes = {}) {
    const smooth = this.spec.pixelated ? "" : " smooth";
    return canvas(this.width, this.height, label, { ...attributes, class: `${attributes.class ?? "thumb"}${smooth}` });
  }

  // Draws a row's thumbnail, now or as soon as its sheet is there.
  draw(element, row) {
    const sheet = this.sheets[Math.floor(row / this.spec.per_sheet)];
    const place = row % this.spec.per_sheet;
    const x = (place % this.spec.columns) * this.width;
    const y = Math.floor(place / this.spec.columns) * this.height;
    const context = element.getContext("2d");
    const paint = () => {
      if (element.dataset.row !== String(row)) return; // it shows another row by now
      context.drawImage(sheet, x, y, this.width, this.height, 0, 0, this.width, this.height);
    };
    element.dataset.row = row;
    if (sheet.complete && sheet.naturalWidth) paint();
    else sheet.addEventListener("load", paint, { once: true });
  }
}

// Paints values in [0, 1], height x width (x colours), into a canvas of that size.
export function paintImage(element, values, shape) {
  const [height, width, colours = 1] = shape;
  const context = element.getContext("2d");
  const image = context.createImageData(width, height);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = Math.round(255 * values[p * colours + (colours > 2 ? c : 0)]);
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// The cells of a decoded row of a table, as numbers and as texts.
export function decodedCells(output, x) {
  return output.columns.map((column) => {
    let value;
    if (column.empty_start !== null && column.empty_start !== undefined && x[column.empty_start] > 0.5) value = NaN;
    else if (column.kind === "category") {
      value = 0;
      for (let k = 1; k < column.width; k++) if (x[column.start + k] > x[column.start + value]) value = k;
    } else {
      value = x[column.start] * column.scale + column.offset;
      if (column.low !== null && column.low !== undefined) value = Math.max(value, column.low);
      if (column.high !== null && column.high !== undefined) value = Math.min(value, column.high);
      if (column.whole) value = Math.round(value);
      if (column.kind === "bool") value = value >= 0.5 ? 1 : 0;
      if (column.kind === "date") value = Math.round(value / 60) * 60;
    }
    return { name: column.name, kind: column.kind, text: cell(column, value) };
  });
}

// Whether a category or a truth value is another one; numbers nearly always are.
export function switched(one, other) {
  return (one.kind === "category" || one.kind === "bool") && one.text !== other.text;
}

// Decoded outputs side by side: pictures, or a table with one column for each.
export function outputs(output, results, captions, label) {
  if (output.type === "image") {
    const size = output.shape[0] * output.shape[1];
    return h("div", { class: "strip" }, results.map((x, k) => {
      const picture = canvas(output.shape[1], output.shape[0], `${label}, ${captions[k]}`, { class: size > 4096 ? "thumb smooth" : "thumb" });
      paintImage(picture, x, output.shape);
      return h("figure", {}, picture, h("figcaption", { text: captions[k] }));
    }));
  }
  const cells = results.map((x) => (output.type === "table" ? decodedCells(output, x)
    : Array.from(x, (value, k) => ({ name: `value ${k + 1}`, text: cell({}, value) }))));
  const shown = cells[0].slice(0, 200);
  const head = h("tr", {}, h("th", { scope: "col", text: "Column" }), captions.map((text) => h("th", { scope: "col", text })));
  const rows = shown.map((first, k) => h("tr", {}, h("th", { scope: "row", text: first.name }),
    cells.map((column, at) => h("td", { text: column[k].text, class: at && switched(column[k], cells[at - 1][k]) ? "changed" : null }))));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, head), h("tbody", {}, rows)));
}
