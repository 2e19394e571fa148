// Where a point of the map lies on the screen: the middle of what is seen and its scale; y points up.

export class View {
  constructor() {
    this.width = this.height = 1;
    this.x = this.y = 0;
    this.scale = 1; // pixels for a unit of the map
  }

  // Shows a rectangle of the map with a margin.
  fit([left, bottom, right, top]) {
    this.x = (left + right) / 2;
    this.y = (bottom + top) / 2;
    this.scale = 0.92 * Math.min(this.width / (right - left || 1), this.height / (top - bottom || 1));
    this.fitted = this.scale;
  }

  resize(width, height) {
    const factor = Math.min(width, height) / Math.min(this.width, this.height);
    [this.width, this.height] = [width, height];
    this.scale *= factor;
    this.fitted *= factor;
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }

  toMap(px, py) {
    return [(px - this.width / 2) / this.scale + this.x, this.y - (py - this.height / 2) / this.scale];
  }

  // Zooms by a factor; the point of the map under a pixel stays there.
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.toMap(px, py);
    this.scale = Math.min(Math.max(this.scale * factor, this.fitted / 4), this.fitted * 500);
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  // Brings a point into sight, if it is not.
  reveal(x, y) {
    const [px, py] = this.toScreen(x, y);
    const margin = 24;
    this.pan(px < margin ? margin - px : Math.min(0, this.width - margin - px), 0);
    this.pan(0, py < margin ? margin - py : Math.min(0, this.height - margin - py));
  }
}

// The same with the contours around them, unless the points would become small in it.
export function boundsWith(points, contours) {
  const own = bounds(points);
  const [left, bottom, right, top] = bounds([...own, ...(contours ?? []).flatMap((contour) => contour.lines.flat(2))]);
  const grown = Math.max((right - left) / (own[2] - own[0] || 1), (top - bottom) / (own[3] - own[1] || 1));
  return grown < 2 ? [left, bottom, right, top] : own;
}

// The rectangle that holds the finite points: left, bottom, right, top.
export function bounds(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; k < points.length; k += 2) {
    const [x, y] = [points[k], points[k + 1]];
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x > box[2]) box[2] = x;
    if (y > box[3]) box[3] = y;
  }
  return box[0] <= box[2] ? box : [-1, -1, 1, 1];
}
