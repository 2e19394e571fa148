// Numbers, dates and cells as texts.

export function number(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e7 || Math.abs(value) < 1e-4)) return value.toExponential(digits - 1);
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(Math.abs(value) + 1))))));
}

const DAY = 86400;

export function wholeDay(seconds) {
  return Math.round(seconds / DAY) * DAY;
}

export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = 100 * share;
  return value > 99.9 && value < 100 ? "> 99.9 %" : `${value.toFixed(value < 10 ? 1 : value >= 99 ? 1 : 0)} %`;
}

// A date; one without a time of the day is the nearest midnight: float32 cannot tell it to the second.
export function date(seconds, clock = true) {
  if (!Number.isFinite(seconds)) return "–";
  const moment = new Date(1000 * (clock ? seconds : wholeDay(seconds)));
  if (Number.isNaN(moment.getTime())) return number(seconds);
  const text = moment.toISOString();
  return clock ? text.slice(0, -8).replace("T", " ") : text.slice(0, -14);
}

function time(seconds) {
  return Number.isFinite(seconds) ? new Date(1000 * Math.round(seconds)).toISOString().slice(11, 19) : "–";
}

// A value of a column, with its unit.
export function cell(column, value) {
  if (Number.isNaN(value)) return "empty";
  if (column.levels && column.kind !== "number") return column.levels[Math.round(value)] ?? "unknown";
  if (column.kind === "date") return date(value, column.clock);
  if (column.kind === "time") return time(value);
  if (column.kind === "bool") return value >= 0.5 ? "true" : "false";
  return column.unit ? `${number(value)} ${column.unit}` : number(value);
}

// The cell of a row as the page's data hold it.
export function rowCell(column, row) {
  if (column.texts) return column.texts[row] === null || column.texts[row] === "" ? "empty" : column.texts[row];
  return cell(column, column.values ? column.values[row] : NaN);
}

export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en-GB")} ${n === 1 ? one : many}`;
}
