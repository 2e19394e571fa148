// Draws from the priors of the latents.
import { decodeArray } from "./payload.js";

function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

const pick = (count) => Math.floor(Math.random() * count);

function weighted(probabilities) {
  let left = Math.random();
  const found = probabilities.findIndex((p) => (left -= p) < 0);
  return found < 0 ? probabilities.length - 1 : found;
}

const spread = (value, k) => (Array.isArray(value) ? value[k] : value);

// One draw of a latent's code.
export function draw(latent) {
  const { prior } = latent;
  const dims = Array.from({ length: latent.dim }, (_, k) => k);
  if (prior.type === "samples") {
    const samples = (prior.decoded ??= decodeArray(prior.samples));
    const at = pick(samples.length / latent.dim) * latent.dim;
    return [...samples.subarray(at, at + latent.dim)];
  }
  if (prior.type === "categorical") {
    const chosen = weighted(prior.probabilities ?? dims.map(() => 1 / latent.dim));
    return dims.map((k) => (k === chosen ? 1 : 0));
  }
  if (prior.type === "mixture") {
    const part = pick(prior.means.length);
    return dims.map((k) => prior.means[part][k] + spread(prior.stds[part], k) * normal());
  }
  if (prior.type === "uniform") {
    return dims.map((k) => spread(prior.low ?? -1, k) + Math.random() * (spread(prior.high ?? 1, k) - spread(prior.low ?? -1, k)));
  }
  return dims.map((k) => spread(prior.std ?? 1, k) * normal());
}

// The range of a slider: three standard deviations of the codes, or of the prior where there are no codes.
export function range(latent, k) {
  if (latent.std && latent.std[k] > 0) {
    return [latent.mean[k] - 3 * latent.std[k], latent.mean[k] + 3 * latent.std[k]];
  }
  const std = latent.prior?.type === "gaussian" ? spread(latent.prior.std, k) : 1;
  return [-3 * std, 3 * std];
}

// The middle of the codes; for a category the first one.
export function middle(latent) {
  if (latent.kind === "category") return Array.from({ length: latent.dim }, (_, k) => (k === 0 ? 1 : 0));
  return Array.from({ length: latent.dim }, (_, k) => latent.mean?.[k] ?? 0);
}
