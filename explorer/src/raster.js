// Draws points into the pixels of a canvas. 20,000 points take a third of the time of canvas paths or sprites, and
// unlike WebGL it works everywhere and needs no code made at run time, which the page's security policy forbids.
import { SHAPES, rgb } from "./colours.js";

// Share of a pixel that a shape covers, by its distance from the middle in radii.
const COVERAGE = {
  disc: (x, y, r) => r + 0.5 - Math.hypot(x, y),
  square: (x, y, r) => 0.88 * r + 0.5 - Math.max(Math.abs(x), Math.abs(y)),
  triangle: (x, y, r) => Math.min(0.75 * r + 0.5 - y, (y + 1.15 * r + 0.5 - 1.75 * Math.abs(x)) / 1.6),
  cross: (x, y, r) => Math.min(1.15 * r + 0.5 - Math.max(Math.abs(x), Math.abs(y)), 0.45 * r + 0.4 - Math.min(Math.abs(x), Math.abs(y))),
};

// A shape as offsets of pixels and how much they cover (of 256).
function stamp(shape, radius, stride) {
  const reach = Math.ceil(radius * 1.2 + 1);
  const values = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const cover = Math.min(1, Math.max(0, COVERAGE[shape](x, y, radius)));
      if (cover > 0.02) values.push(y * stride + x, Math.round(cover * 256));
    }
  }
  return { reach, values: Int32Array.from(values) };
}

// A stamp in a colour: what is kept of a pixel (of 256), and what is added to its outer colours and to green.
function ink({ reach, values }, [r, g, b], opacity) {
  const count = values.length / 2;
  const offsets = new Int32Array(count), keep = new Int32Array(count), outer = new Int32Array(count), middle = new Int32Array(count);
  for (let j = 0; j < count; j++) {
    const a = Math.round(values[2 * j + 1] * opacity);
    offsets[j] = values[2 * j];
    keep[j] = 256 - a;
    outer[j] = Math.imul((b << 16) | r, a);
    middle[j] = (g << 8) * a;
  }
  return { reach, offsets, keep, outer, middle };
}

export class Raster {
  constructor(canvas) {
    this.context = canvas.getContext("2d", { alpha: false });
    this.canvas = canvas;
  }

  resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height && this.image) return;
    [this.canvas.width, this.canvas.height] = [width, height];
    this.image = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.stamps = null;
  }

  // `groups` colours and shapes of `index`; points with `faint` set are drawn first and hardly seen, and before others
  // those without a group.
  draw({ points, view, ratio, radius, visible, index, groups, faint, opacity, paper }) {
    const { width, height } = this.canvas;
    const r = radius * ratio;
    if (this.stamps?.radius !== r) {
      this.stamps = { radius: r, of: Object.fromEntries(SHAPES.map((shape) => [shape, stamp(shape, r, width)])) };
    }
    const [pr, pg, pb] = rgb(paper);
    this.pixels.fill(0xff000000 | (pb << 16) | (pg << 8) | pr);
    const scale = view.scale * ratio;
    const left = width / 2 - view.x * scale;
    const top = height / 2 + view.y * scale;
    const { pixels } = this;
    let drawn = 0;
    for (const [pass, without] of faint ? [[1, true], [1, false], [0, true], [0, false]] : [[0, true], [0, false]]) {
      const styles = groups.map(({ colour, shape }) => ink(this.stamps.of[shape], rgb(colour), pass ? 0.13 * opacity : opacity));
      for (let k = 0; k < index.length; k++) {
        if (!visible[k] || index[k] < 0 !== without || (faint && faint[k] !== pass)) continue;
        const x = Math.round(points[2 * k] * scale + left);
        const y = Math.round(top - points[2 * k + 1] * scale);
        const { reach, offsets, keep, outer, middle } = styles[index[k] + 1];
        if (!(x >= reach && y >= reach && x < width - reach && y < height - reach)) continue; // NaN is left out as well
        const at = y * width + x;
        for (let j = 0; j < offsets.length; j++) {
          const p = pixels[at + offsets[j]];
          // Red and blue in one product: eight bits lie free between them.
          const rb = ((Math.imul(p & 0xff00ff, keep[j]) + outer[j]) >>> 8) & 0xff00ff;
          pixels[at + offsets[j]] = 0xff000000 | rb | (((Math.imul(p & 0xff00, keep[j]) + middle[j]) >>> 8) & 0xff00);
        }
        drawn++;
      }
    }
    this.context.putImageData(this.image, 0, 0);
    return drawn;
  }

}
