// What lies over the points: contours of the prior, rings around rows, the lasso, the decoded place.
import { theme } from "./colours.js";

export class Overlay {
  constructor(canvas, map) {
    this.map = map;
    this.context = canvas.getContext("2d");
    this.canvas = canvas;
  }

  draw() {
    const { map, context: g } = this;
    if (!map.ratio) return;
    const colours = theme();
    g.setTransform(map.ratio, 0, 0, map.ratio, 0, 0);
    g.clearRect(0, 0, map.view.width, map.view.height);
    this._contours(g, colours);
    if (map.path) this._lasso(g, colours);
    const { state } = map;
    if (map.place) this._cross(g, map.place, colours.accent, colours.paper);
    state.walk.forEach((row, end) => row >= 0 && this._mark(g, row, end ? "B" : "A", colours));
    if (state.focused >= 0) this._ring(g, state.focused, colours);
    if (map.cursor && map.tool !== "decode") this._cross(g, map.cursor, colours.ink, colours.paper);
  }

  _trace(g, line) {
    g.beginPath();
    line.forEach(([x, y], k) => g[k ? "lineTo" : "moveTo"](...this.map.view.toScreen(x, y)));
  }

  _contours(g, { muted, paper }) {
    g.font = "11px system-ui, sans-serif";
    for (const contour of this.map.state.data.map.contours ?? []) {
      g.strokeStyle = muted;
      g.lineWidth = 1;
      for (const line of contour.lines) {
        this._trace(g, line);
        g.stroke();
      }
      const line = contour.lines[0] ?? [];
      const top = line.reduce((best, point) => (!best || point[1] > best[1] ? point : best), null);
      if (!top) continue;
      const [x, y] = this.map.view.toScreen(...top);
      this._text(g, String(contour.level), x, y - 8, muted, paper);
    }
  }

  _text(g, text, x, y, ink, paper) {
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.lineWidth = 4;
    g.strokeStyle = paper;
    g.lineJoin = "round";
    g.strokeText(text, x, y);
    g.fillStyle = ink;
    g.fillText(text, x, y);
  }

  _lasso(g, { accent }) {
    const { path, cursor } = this.map;
    this._trace(g, cursor ? [...path, cursor] : path);
    g.closePath();
    g.fillStyle = `${accent}22`;
    g.fill();
    g.setLineDash([5, 4]);
    g.lineWidth = 1.5;
    g.strokeStyle = accent;
    g.stroke();
    g.setLineDash([]);
  }

  _at(row) {
    const { points, view } = this.map;
    return view.toScreen(points[2 * row], points[2 * row + 1]);
  }

  _ring(g, row, { ink, paper }) {
    const [x, y] = this._at(row);
    for (const [width, colour] of [[5, paper], [2, ink]]) {
      g.beginPath();
      g.arc(x, y, this.map.radius + 5, 0, 7);
      g.lineWidth = width;
      g.strokeStyle = colour;
      g.stroke();
    }
  }

  _mark(g, row, text, { ink, paper }) {
    const [x, y] = this._at(row);
    g.font = "bold 12px system-ui, sans-serif";
    this._text(g, text, x, y - this.map.radius - 13, ink, paper);
    g.beginPath();
    g.arc(x, y, this.map.radius + 3, 0, 7);
    g.lineWidth = 1.5;
    g.strokeStyle = ink;
    g.stroke();
  }

  _cross(g, [mx, my], ink, paper) {
    const [x, y] = this.map.view.toScreen(mx, my);
    for (const [width, colour] of [[5, paper], [2, ink]]) {
      g.beginPath();
      g.moveTo(x - 9, y); g.lineTo(x + 9, y);
      g.moveTo(x, y - 9); g.lineTo(x, y + 9);
      g.lineWidth = width;
      g.strokeStyle = colour;
      g.stroke();
    }
  }
}
