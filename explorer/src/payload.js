// The payload: JSON in which arrays are base64. `docs` of the format: the module docstring of aae/explorer/payload.py.

const TYPES = { f32: Float32Array, u8: Uint8Array, i8: Int8Array, i16: Int16Array, u16: Uint16Array, i32: Int32Array, u32: Uint32Array };
let halves = null; // every float16, by its bits

function halfTable() {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    let value;
    if (exponent === 0) value = fraction * 2 ** -24;
    else if (exponent === 31) value = fraction ? NaN : Infinity;
    else value = (1 + fraction / 1024) * 2 ** (exponent - 15);
    halves[bits] = bits & 0x8000 ? -value : value;
  }
  return halves;
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = binary.charCodeAt(k);
  return bytes;
}

// The values of an array of the payload as a typed array; float16 becomes Float32Array. Lists of numbers are taken too.
export function decodeArray(array) {
  if (array === null || array === undefined) return null;
  if (Array.isArray(array)) return Float32Array.from(array.flat(Infinity));
  const bytes = bytesOf(array.b64);
  if (array.dtype === "f16") {
    const table = halfTable();
    const bits = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
    const values = new Float32Array(bits.length);
    for (let k = 0; k < bits.length; k++) values[k] = table[bits[k]];
    return values;
  }
  const Type = TYPES[array.dtype];
  return new Type(bytes.buffer, 0, bytes.length / Type.BYTES_PER_ELEMENT);
}

// The page's data: the payload with its arrays decoded. The decoder's weights stay as they are until it is used.
export function readPayload(text) {
  const raw = JSON.parse(text);
  const count = raw.keys.length;
  const columns = (raw.columns ?? []).map((column) => ({ ...column, values: decodeArray(column.values) }));
  return {
    ...raw,
    count,
    columns,
    classes: raw.classes ?? [],
    notes: raw.notes ?? [],
    marks: raw.marks ?? [],
    given: raw.given ?? { file: "", labels: [], id: "" },
    lists: { mistakes: [], uncertain: [], unusual: [], ...raw.lists },
    part: decodeArray(raw.part) ?? new Uint8Array(count),
    map: raw.map && { ...raw.map, points: decodeArray(raw.map.points) },
    label: decodeArray(raw.label) ?? new Int16Array(count).fill(-1),
    prediction: decodeArray(raw.prediction),
    probabilities: decodeArray(raw.probabilities),
    cluster: raw.cluster && { ...raw.cluster, values: decodeArray(raw.cluster.values) },
    neighbours: decodeArray(raw.neighbours),
    neighbourCount: raw.neighbours ? raw.neighbours.shape[1] : 0,
    codes: decodeArray(raw.codes),
    codeWidth: raw.codes ? raw.codes.shape[1] : 0,
    latentCodes: decodeArray(raw.latent_codes),
    latentWidth: raw.latent_codes ? raw.latent_codes.shape[1] : 0,
    proposed: decodeArray(raw.proposed),
    confidence: decodeArray(raw.confidence),
  };
}

// The largest probability of a row, of a class or a cluster; NaN if there is none.
export function confidence(data, row) {
  if (data.confidence) return data.confidence[row];
  const width = data.classes.length;
  return data.probabilities ? Math.max(...data.probabilities.subarray(row * width, (row + 1) * width)) : NaN;
}

// How a row is named to a reader.
export function rowName(data, row) {
  return data.key === "index" ? `row ${data.keys[row]}` : String(data.keys[row]);
}
