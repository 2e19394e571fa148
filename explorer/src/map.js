// The map: canvas, buttons of the tools, and what pointers and keys do on it.
import { button, h } from "./dom.js";
import { onSchemeChange, theme } from "./colours.js";
import { count } from "./format.js";
import { Overlay } from "./overlay.js";
import { inDirection, nearest, within } from "./picking.js";
import { Raster } from "./raster.js";
import { boundsWith, View } from "./view.js";

const TOOLS = [
  ["pan", "Move", "Drag to move the map, click a row (V)"],
  ["lasso", "Lasso", "Draw around rows to select them (L)"],
  ["box", "Box", "Drag a box around rows to select them (B)"],
];
const DECODE = ["decode", "Decode", "Drag over the map to see what the decoder makes of each place (D)"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const SLOW = 30; // milliseconds for a picture
const REACH = 14; // pixels within which a click means a point

export class MapView {
  constructor(state, legend, { tooltip, onDecode }) {
    this.state = state;
    this.legend = legend;
    this.points = state.data.map.points;
    this.view = new View();
    this.tooltip = tooltip;
    this.onDecode = onDecode;
    this.tool = "pan";
    this.path = null; // of the lasso or the box, in the map's units
    this.cursor = null; // cross that the arrow keys move while a tool other than moving is chosen
    this.pointers = new Map();
    this._build(onDecode ? [...TOOLS, DECODE] : TOOLS);
    state.on("colour filter labels", () => this.redraw());
    state.on("selection", () => this.redraw());
    state.on("focus", () => this._reveal());
    state.on("code walk", () => this.overlay.draw());
    onSchemeChange(() => this.redraw());
    new ResizeObserver(() => this._resize()).observe(this.frame);
  }

  _build(tools) {
    this.plot = h("canvas", { class: "plot", "aria-hidden": "true" });
    this.front = h("canvas", { class: "front", "aria-hidden": "true" });
    this.frame = h("div", { class: "map", tabindex: "0", role: "application", "aria-label": this._description(), "aria-describedby": "map-help" },
      this.plot, this.front, this.tooltip?.element);
    this.raster = new Raster(this.plot);
    this.overlay = new Overlay(this.front, this);
    this.buttons = tools.map(([tool, text, title]) => button(text, () => this.choose(tool), { title, "data-tool": tool }));
    this.toolbar = h("div", { class: "toolbar", role: "toolbar", "aria-label": "Tools of the map" },
      h("span", { class: "group" }, this.buttons),
      h("span", { class: "group" },
        button("−", () => this._zoom(1 / 1.5), { "aria-label": "Zoom out", title: "Zoom out (−)" }),
        button("+", () => this._zoom(1.5), { "aria-label": "Zoom in", title: "Zoom in (+)" }),
        button("Fit", () => this.fit(), { title: "Show all points (F)" })));
    this.shown = h("p", { class: "shown", role: "status" });
    this.choose("pan");
    this.frame.addEventListener("pointerdown", (event) => this._down(event));
    this.frame.addEventListener("pointermove", (event) => this._move(event));
    this.frame.addEventListener("pointerup", (event) => this._up(event));
    this.frame.addEventListener("pointercancel", (event) => this._up(event));
    this.frame.addEventListener("pointerleave", () => this.tooltip?.hide());
    this.frame.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    this.frame.addEventListener("keydown", (event) => this._key(event));
  }

  _description() {
    return `Map of ${count(this.state.data.count, "row")}: ${this.state.data.map.title}`;
  }

  choose(tool) {
    this.tool = tool;
    this.path = this.cursor = null;
    for (const each of this.buttons) each.setAttribute("aria-pressed", String(each.dataset.tool === tool));
    this.frame.dataset.tool = tool;
    this.overlay.draw();
  }

  _bounds() {
    return boundsWith(this.points, this.state.data.map.contours);
  }

  fit() {
    this.view.fit(this._bounds());
    this.redraw();
  }

  _zoom(factor, x, y) {
    this.view.zoom(factor, x, y);
    this._moving();
  }

  _resize() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !height) return;
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    const first = this.view.width === 1;
    this.view.resize(width, height);
    if (first) this.view.fit(this._bounds());
    [this.front.width, this.front.height] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    this._paint();
  }

  redraw() {
    if (this.planned || !this.ratio) return;
    this.planned = true;
    requestAnimationFrame(() => this._paint());
  }

  // The map moves: on a slow machine with half as many pixels a side until it stands still.
  _moving() {
    this.moves = this.slow;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => { if (this.moves) { this.moves = false; this.redraw(); } }, 150);
    this.redraw();
  }

  // Points grow a little when the map is enlarged.
  get radius() {
    const base = Math.min(4.5, Math.max(1.6, 260 / Math.sqrt(this.state.data.count + 1600) ));
    return base * Math.min(1.6, Math.max(1, (this.view.scale / this.view.fitted) ** 0.25));
  }

  _paint() {
    this.planned = false;
    const { selection, visible } = this.state;
    let faint = null;
    if (selection.size) {
      faint = new Uint8Array(visible.length).fill(1);
      for (const row of selection) faint[row] = 0;
    }
    const ratio = this.moves ? this.ratio / 2 : this.ratio;
    const begin = performance.now();
    this.raster.resize(Math.round(this.view.width * ratio), Math.round(this.view.height * ratio));
    this.drawn = this.raster.draw({
      points: this.points, view: this.view, ratio, radius: this.radius, visible, faint,
      index: this.legend.groups.index, groups: this.legend.styles, opacity: 0.8, paper: theme().paper,
    });
    this.firstPicture ??= performance.now(); // for benchmarks/explorer.py
    if (!this.moves) this.slow = performance.now() - begin > SLOW;
    this.overlay.draw();
    const shown = visible.reduce((sum, one) => sum + one, 0);
    const text = shown === visible.length ? `${count(shown, "row")} shown` : `${shown.toLocaleString("en-GB")} of ${count(visible.length, "row")} shown`;
    const full = selection.size ? `${text}, ${selection.size.toLocaleString("en-GB")} selected` : text;
    if (this.shown.textContent !== full) this.shown.textContent = full;
  }

  _reveal() {
    const row = this.state.focused;
    const [x, y] = [this.points[2 * row], this.points[2 * row + 1]];
    if (row < 0 || !Number.isFinite(x)) return this.overlay.draw();
    this.view.reveal(x, y);
    this.redraw();
  }

  _place(event) {
    const box = this.frame.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  _rowAt(x, y, reach = REACH) {
    return nearest(this.points, this.state.visible, ...this.view.toMap(x, y), reach / this.view.scale);
  }

  _down(event) {
    if (event.button) return;
    const [x, y] = this._place(event);
    this.frame.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [x, y]);
    this.start = [x, y];
    this.moved = false;
    if (this.pointers.size > 1) this.path = null;
    else if (this.tool === "lasso" || this.tool === "box") this.path = [this.view.toMap(x, y)];
    else if (this.tool === "decode") this.onDecode(this.view.toMap(x, y));
    this.tooltip?.hide();
  }

  _move(event) {
    const [x, y] = this._place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this._hover(x, y);
    if (Math.hypot(x - this.start[0], y - this.start[1]) > 4) this.moved = true;
    if (this.pointers.size === 2) this._pinch(event.pointerId, x, y);
    else if (this.path) {
      if (this.tool === "box") this.path = this._box(this.path[0], this.view.toMap(x, y));
      else this.path.push(this.view.toMap(x, y));
      this.overlay.draw();
    } else if (this.tool === "decode") this.onDecode(this.view.toMap(x, y));
    else if (this.moved) {
      this.view.pan(x - before[0], y - before[1]);
      this._moving();
    }
    this.pointers.set(event.pointerId, [x, y]);
  }

  _pinch(id, x, y) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, place]) => place);
    const before = this.pointers.get(id);
    const factor = Math.hypot(x - other[0], y - other[1]) / (Math.hypot(before[0] - other[0], before[1] - other[1]) || 1);
    this._zoom(factor, other[0], other[1]);
  }

  _up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const [x, y] = this._place(event);
    if (this.path && this.moved) this._take(event.shiftKey);
    else if (!this.moved && this.tool !== "decode") {
      const row = this._rowAt(x, y);
      if (row >= 0 && event.shiftKey) this.state.toggle(row);
      else if (row >= 0) this.state.focus(row);
      else if (!event.shiftKey) this.state.select([]);
    }
    this.path = null;
    this.overlay.draw();
  }

  _box([x0, y0], [x1, y1]) {
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }

  // Selects what lies within the path.
  _take(add) {
    const rows = within(this.points, this.state.visible, this.path);
    this.path = null;
    this.state.select(rows, add);
  }

  _hover(x, y) {
    if (!this.tooltip || this.tool === "decode") return;
    const row = this._rowAt(x, y);
    if (row < 0) this.tooltip.hide();
    else this.tooltip.show(row, ...this.view.toScreen(this.points[2 * row], this.points[2 * row + 1]), this.view.width);
  }

  _wheel(event) {
    event.preventDefault();
    this._zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), ...this._place(event));
  }

  _key(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && this.tool !== "pan") this._moveCursor(arrow, event.shiftKey ? 3 : 24);
    else if (arrow && event.shiftKey) { this.view.pan(-40 * arrow[0], 40 * arrow[1]); this.redraw(); }
    else if (arrow) this._step(arrow);
    else if (event.key === "Enter" && this.cursor) this._corner();
    else if (event.key === "Enter" && this.state.focused >= 0) this.state.toggle(this.state.focused);
    else if (event.key === "Escape" && this.path) { this.path = null; this.overlay.draw(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  _step(arrow) {
    const { focused, visible } = this.state;
    if (focused < 0 || !visible[focused]) this.state.focus(nearest(this.points, visible, this.view.x, this.view.y));
    else {
      const row = inDirection(this.points, visible, focused, ...arrow);
      if (row >= 0) this.state.focus(row);
    }
  }

  _moveCursor([dx, dy], step) {
    const [x, y] = this.cursor ? this.view.toScreen(...this.cursor) : [this.view.width / 2, this.view.height / 2];
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    this.cursor = this.view.toMap(clamp(x + dx * step, this.view.width), clamp(y - dy * step, this.view.height));
    if (this.tool === "decode") this.onDecode(this.cursor);
    this.overlay.draw();
  }

  // A corner of the box or the lasso at the cross; the lasso ends where it began or with Enter at the last corner.
  _corner() {
    const place = this.cursor;
    const close = (other) => Math.hypot(...this.view.toScreen(...other).map((v, k) => v - this.view.toScreen(...place)[k])) < 8;
    if (this.tool === "decode") return;
    if (!this.path) this.path = [place];
    else if (this.tool === "box") { this.path = this._box(this.path[0], place); this._take(false); }
    else if (this.path.length > 2 && (close(this.path[0]) || close(this.path.at(-1)))) this._take(false);
    else this.path.push(place);
    this.overlay.draw();
  }
}
