// Labels files: CSV as in RFC 4180, with commas, semicolons or tabs.

const formula = /^'*[=+\-@\t\r]/; // what a spreadsheet would compute; an apostrophe marks it as a text

// The text that a cell holds.
export const textOf = (cell) => (cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell);

function quoted(text) {
  const value = typeof text === "string" && formula.test(text) && Number.isNaN(Number(text)) ? `'${text}` : String(text);
  return /[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

export function writeCsv(rows) {
  return rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

// The rows of a CSV text, as lists of texts with their spaces; empty lines are left out. `exact` of a row: which of its
// fields were quoted, so that spaces around them are meant.
export function readCsv(text) {
  const clean = text.replace(/^\ufeff/, "");
  const first = clean.split(/\r?\n/, 1)[0];
  const separator = [",", ";", "\t"].reduce((best, mark) => (first.split(mark).length > first.split(best).length ? mark : best));
  const rows = [];
  let row = [], exact = [], field = "", inside = false, wasQuoted = false;
  const endField = () => { row.push(field); exact.push(wasQuoted); field = ""; wasQuoted = false; };
  const endRow = () => {
    endField();
    if (row.length > 1 || row[0].trim()) rows.push(Object.assign(row, { exact }));
    [row, exact] = [[], []];
  };
  for (let k = 0; k < clean.length; k++) {
    const mark = clean[k];
    if (inside) {
      if (mark !== '"') field += mark;
      else if (clean[k + 1] === '"') { field += '"'; k++; }
      else inside = false;
    } else if (mark === '"' && field.trim() === "") { inside = wasQuoted = true; field = ""; }
    else if (mark === separator) endField();
    else if (mark === "\n" || mark === "\r") endRow();
    else if (!wasQuoted || mark.trim()) field += mark; // not the spaces between a quote and the separator
  }
  if (field || row.length) endRow();
  return rows;
}
