// The decoder: its layers as plain loops over typed arrays. Fully connected ones take a few milliseconds.
import { decodeArray } from "./payload.js";

function linear(op) {
  const weight = decodeArray(op.weight);
  const bias = decodeArray(op.bias);
  const [rows, width] = op.weight.shape;
  return (x) => {
    const y = new Float32Array(rows);
    const end = width - (width % 4);
    for (let row = 0; row < rows; row++) {
      const base = row * width;
      // Four sums: one would wait for itself at every step.
      let a = 0, b = 0, c = 0, d = 0;
      for (let k = 0; k < end; k += 4) {
        a += weight[base + k] * x[k];
        b += weight[base + k + 1] * x[k + 1];
        c += weight[base + k + 2] * x[k + 2];
        d += weight[base + k + 3] * x[k + 3];
      }
      for (let k = end; k < width; k++) a += weight[base + k] * x[k];
      y[row] = a + b + c + d + (bias ? bias[row] : 0);
    }
    return y;
  };
}

function sumLinear(op) {
  const parts = op.parts.map((part) => ({ start: part.start, width: part.width, apply: linear(part) }));
  return (x) => {
    let sum = null;
    for (const part of parts) {
      const y = part.apply(x.subarray(part.start, part.start + part.width));
      if (sum) for (let k = 0; k < y.length; k++) sum[k] += y[k];
      else sum = y;
    }
    return sum;
  };
}

// Maps [C, H, W] to [C, H', W'], each pixel from the nearest, as torch does it.
function upsample(op) {
  const [height, width] = op.size;
  return (x, state) => {
    const [maps, h, w] = state.shape;
    const y = new Float32Array(maps * height * width);
    for (let map = 0, at = 0; map < maps; map++) {
      for (let i = 0; i < height; i++) {
        const row = (map * h + Math.floor((i * h) / height)) * w;
        for (let j = 0; j < width; j++) y[at++] = x[row + Math.floor((j * w) / width)];
      }
    }
    state.shape = [maps, height, width];
    return y;
  };
}

// A 3x3 convolution with one pixel of zeros around the image.
function conv3(op) {
  const weight = decodeArray(op.weight);
  const bias = decodeArray(op.bias);
  const [after, before] = op.weight.shape;
  return (x, state) => {
    const [, height, width] = state.shape;
    const stride = width + 2;
    const size = (height + 2) * stride;
    const padded = new Float32Array(before * size);
    for (let map = 0; map < before; map++) {
      for (let i = 0; i < height; i++) {
        const from = (map * height + i) * width;
        padded.set(x.subarray(from, from + width), map * size + (i + 1) * stride + 1);
      }
    }
    const y = new Float32Array(after * height * width);
    for (let map = 0; map < after; map++) {
      if (bias) y.fill(bias[map], map * height * width, (map + 1) * height * width);
      for (let source = 0; source < before; source++) {
        const at = (map * before + source) * 9;
        const a = weight[at], b = weight[at + 1], c = weight[at + 2];
        const d = weight[at + 3], e = weight[at + 4], f = weight[at + 5];
        const g = weight[at + 6], k = weight[at + 7], l = weight[at + 8];
        for (let i = 0; i < height; i++) {
          let p = source * size + i * stride;
          let q = (map * height + i) * width;
          for (const last = q + width; q < last; q++, p++) {
            const next = p + stride, third = next + stride;
            y[q] += a * padded[p] + b * padded[p + 1] + c * padded[p + 2] + d * padded[next] + e * padded[next + 1]
              + f * padded[next + 2] + g * padded[third] + k * padded[third + 1] + l * padded[third + 2];
          }
        }
      }
    }
    state.shape = [after, height, width];
    return y;
  };
}

function scaleShift(op) {
  const scale = decodeArray(op.scale);
  const shift = decodeArray(op.shift);
  return (x) => {
    const each = x.length / scale.length; // values of a map
    return x.map((value, k) => value * scale[Math.floor(k / each)] + shift[Math.floor(k / each)]);
  };
}

function layerNorm(op) {
  const weight = decodeArray(op.weight);
  const bias = decodeArray(op.bias);
  return (x) => {
    let mean = 0, square = 0;
    for (const value of x) mean += value / x.length;
    for (const value of x) square += (value - mean) ** 2 / x.length;
    const factor = 1 / Math.sqrt(square + (op.eps ?? 1e-5));
    const each = x.length / weight.length;
    return x.map((value, k) => (value - mean) * factor * weight[Math.floor(k / each)] + bias[Math.floor(k / each)]);
  };
}

const elementwise = (f) => () => (x) => { for (let k = 0; k < x.length; k++) x[k] = f(x[k]); return x; };
const OPS = {
  linear,
  sum_linear: sumLinear,
  upsample,
  conv3,
  scale_shift: scaleShift,
  layer_norm: layerNorm,
  unflatten: (op) => (x, state) => { state.shape = op.shape; return x; },
  relu: elementwise((v) => (v > 0 ? v : 0)),
  tanh: elementwise(Math.tanh),
  sigmoid: elementwise((v) => 1 / (1 + Math.exp(-v))),
  leaky_relu: (op) => (x) => x.map((v) => (v > 0 ? v : v * (op.slope ?? 0.01))),
};

function chain(ops) {
  const steps = ops.map((op) => {
    if (!OPS[op.op]) throw new Error(`the page does not know the layer “${op.op}”`);
    return OPS[op.op](op);
  });
  return (code) => {
    const state = { shape: null };
    let x = Float32Array.from(code); // layers may write into what they are given
    for (const step of steps) x = step(x, state);
    return { x, shape: state.shape };
  };
}

// Maps [C, H, W] as an image [H, W, C].
function interleave(x, [maps, height, width]) {
  const y = new Float32Array(x.length);
  const pixels = height * width;
  for (let map = 0; map < maps; map++) for (let p = 0; p < pixels; p++) y[p * maps + map] = x[map * pixels + p];
  return y;
}

export class Decoder {
  constructor(spec) {
    this.latents = [];
    for (const latent of spec.latents) this.latents.push({ ...latent, start: this.width ?? 0, ...this._count(latent.dim) });
    this.output = spec.output;
    this.plain = spec.merge.length === 0; // the code is the latents side by side
    this._merge = chain(spec.merge);
    this._ops = chain(spec.ops);
  }

  _count(dim) {
    this.width = (this.width ?? 0) + dim;
    return { end: this.width };
  }

  merge(latents) {
    return this._merge(latents).x;
  }

  // What is decoded from a (merged) code: for images values in [0, 1], height x width x colours.
  decode(code) {
    const { x, shape } = this._ops(code);
    return shape && shape[0] > 1 ? interleave(x, shape) : x;
  }
}
