/** Numbers as people read them, the same wherever they stand. */

const GROUPS = /\B(?=(\d{3})+(?!\d))/g;

/** Return an integer with commas: `124,439,808`. */
export function commas(value: number | bigint): string {
  return String(value).replace(GROUPS, ",");
}

/** Return a difference with its sign: `+1,024`, `−768`, `0`. */
export function signed(value: number | bigint): string {
  if (value === 0 || value === 0n) return "0";
  return value > 0 ? `+${commas(value)}` : `−${commas(-value)}`;
}

function threeFigures(value: number): string {
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

const UNITS: readonly (readonly [number, string])[] = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
];

/** Return bytes in three figures, in powers of ten as memory is sold: `13.5 GB`. */
export function bytes(value: number | bigint): string {
  const size = Number(value);
  if (size < 0) return `−${bytes(-size)}`;
  for (const [scale, unit] of UNITS) if (size >= scale) return `${threeFigures(size / scale)} ${unit}`;
  return `${size} B`;
}

const WRITTEN = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b(?:ytes)?)?\s*$/i;
const POWERS = "kmgt";

/** Read an amount of memory: `24 GB` in powers of ten, `24GiB` of two, `25769803776`; `null` where it is none. */
export function readBytes(text: string): number | null {
  const match = WRITTEN.exec(text);
  if (!match) return null;
  const power = POWERS.indexOf((match[2] ?? "").toLowerCase() || " ") + 1;
  return Math.floor(Number(match[1]) * (match[3] ? 1024 : 1000) ** power);
}

/** Read a count that may end in k: `8k` is 8192 tokens, as models' names have it; `null` where it is none. */
export function readCount(text: string): number | null {
  const match = /^\s*(\d+)\s*(k?)\s*$/i.exec(text);
  return match ? Number(match[1]) * (match[2] ? 1024 : 1) : null;
}
