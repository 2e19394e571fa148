// Colours of categories and of steps of a number, for light and dark pages.

// Light: the report's palette. Both were searched so that ten colours are distinct for normal, red-blind and
// green-blind vision, and stand out from the background.
const LIGHT = ["#006699", "#ff5511", "#11aa99", "#aa0000", "#88ddff", "#6600ff", "#ccdd00", "#550044", "#8888ff", "#000099"];
const DARK = ["#3296ff", "#df5d04", "#d3efc9", "#a83909", "#95c6fc", "#671ff6", "#f3fa27", "#e846bd", "#f78a9c", "#e5ac00"];
// From dark to light or the reverse, so that high values stand out from the background.
const STEPS_LIGHT = ["#fde0a0", "#f9b36b", "#f0805c", "#d1506b", "#9f2f7f", "#641a80", "#2d1160"];
const STEPS_DARK = ["#5b2a86", "#8b3a8f", "#c04a7c", "#e8685f", "#f79a5e", "#fdc98a", "#fff3c4"];

const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function onSchemeChange(listener) {
  dark.addEventListener("change", listener);
}

export function theme() {
  const css = getComputedStyle(document.documentElement);
  const of = (name) => css.getPropertyValue(`--${name}`).trim();
  return { paper: of("plot"), ink: of("ink"), muted: of("muted"), accent: of("accent"), rest: of("rest") };
}

export function categoryColour(index) {
  if (index < 0) return theme().rest;
  return (dark.matches ? DARK : LIGHT)[index % 10];
}

// After ten colours they repeat with another shape.
export const SHAPES = ["disc", "square", "triangle", "cross"];
export function categoryShape(index) {
  return index < 0 ? "disc" : SHAPES[Math.floor(index / 10) % SHAPES.length];
}

export function stepColour(index, count) {
  if (index < 0) return theme().rest;
  const steps = dark.matches ? STEPS_DARK : STEPS_LIGHT;
  return steps[count < 2 ? steps.length - 1 : Math.round((index * (steps.length - 1)) / (count - 1))];
}

export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
