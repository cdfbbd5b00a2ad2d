/** Which models a state leaves, and in which order: the same filters on every page that lists models. */

import { fold, plain, type Model, type Json } from "./data";
import { one, type State } from "./state";

/** Facets by parameter: what a model says to each. */
export const FACETS: Readonly<Record<string, (model: Model) => readonly string[]>> = {
  family: (model) => [model.family],
  form: (model) => [model.form],
  modality: (model) => model.modality,
  lab: (model) => model.labs,
  license: (model) => [model.license],
  objective: (model) => model.objectives,
  task: (model) => model.tasks,
  access: (model) => [model.access],
  commercial: (model) => [model.commercial],
  runnable: (model) => [model.runnable ? "yes" : "no"],
};

type Test = (model: Model) => boolean;

/** Filters that read one value, and what is wrong with a value that they cannot read. */
const RANGES: Readonly<Record<string, (value: string) => Test | string>> = {
  since: (value) => (isDate(value) ? (model) => model.published.slice(0, value.length) >= value : badDate(value)),
  until: (value) => (isDate(value) ? (model) => model.published.slice(0, value.length) <= value : badDate(value)),
  params: parameters,
};

const isDate = (value: string): boolean => /^\d{4}(-\d\d(-\d\d)?)?$/.test(value);
const badDate = (value: string): string => `“${value}” is no date; write 2019, 2019-07 or 2019-07-26.`;

const SCALES: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };
const FIGURE = /^(\d[\d,]*)(\.\d+)?\s*([KMBT]?)$/i;

/** Test whether one of a model's sizes is in a range by its exact count or the figure that its authors state. */
function parameters(value: string): Test | string {
  const span = spanOf(value);
  if (!span) return `“${value}” is no range; write :400M, 1B:, 7B:13B, or 7B for what rounds to it.`;
  const [least, most] = span;
  const inside = (count: number | null): boolean => count !== null && least <= count && count <= most;
  return (model) => (model.counts ?? [[model.parameters, null]]).some(([total, stated]) => inside(total) || inside(stated));
}

/** Return the ends of a range; of one number, those of what rounds to it. */
function spanOf(value: string): readonly [number, number] | null {
  const ends = value.split(":").map((end) => end.trim());
  const [first = "", last = ""] = ends;
  if (ends.length === 1) return roundedTo(first);
  const [least, most] = [first ? figure(first) : 0, last ? figure(last) : Infinity];
  if (ends.length > 2 || !(first || last) || least === null || most === null || least > most) return null;
  return [least, most];
}

function figure(text: string): number | null {
  const match = FIGURE.exec(text);
  if (!match) return null;
  const digits = Number(`${match[1]?.replaceAll(",", "")}${match[2] ?? ""}`);
  return Math.round(digits * (SCALES[(match[3] ?? "").toUpperCase()] ?? 1));
}

function roundedTo(text: string): readonly [number, number] | null {
  const value = figure(text);
  const [, whole = "", decimals = "", unit = ""] = FIGURE.exec(text) ?? [];
  if (value === null || !unit) return value === null ? null : [value, value];
  const last = decimals ? 10 ** -(decimals.length - 1) : 10 ** (/0*$/.exec(whole)?.[0].length ?? 0);
  const half = (last * (SCALES[unit.toUpperCase()] ?? 1)) / 2;
  return [value - half, value + half];
}

/** Filters by parameter that a state has, and sentences about values that could not be read, by parameter. */
export interface Reading {
  readonly tests: ReadonlyMap<string, Test>;
  readonly problems: ReadonlyMap<string, string>;
}

/** Read the filters of a state. */
export function read(state: State): Reading {
  const tests = new Map<string, Test>();
  const problems = new Map<string, string>();
  for (const [facet, says] of Object.entries(FACETS)) {
    const wanted = new Set((state.get(facet) ?? []).filter(Boolean));
    if (wanted.size) tests.set(facet, (model) => says(model).some((value) => wanted.has(value)));
  }
  for (const [name, make] of Object.entries(RANGES)) {
    const value = one(state, name)?.trim();
    const test = value ? make(value) : undefined;
    if (typeof test === "string") problems.set(name, test);
    else if (test) tests.set(name, test);
  }
  const words = (one(state, "q") ?? "").trim();
  if (words) tests.set("q", (model) => rank(model, words) !== null);
  return { tests, problems };
}

/** Return the models that pass every test, but for those of one filter where it is named. */
export function passing(all: readonly Model[], { tests }: Reading, but: string | null = null): Model[] {
  return all.filter((model) => [...tests].every(([name, test]) => name === but || test(model)));
}

/** Return how many models each value of a facet would leave, the other filters as they are. */
export function tallies(all: readonly Model[], reading: Reading, facet: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const says = FACETS[facet];
  if (!says) return counts;
  for (const model of passing(all, reading, facet)) {
    for (const value of new Set(says(model))) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

/** How well a model answers to words, by where they stand: the less the better. */
export const RANKS = { called: 0, begins: 1, name: 2, alias: 3, within: 4, kin: 5, summary: 6 } as const;

/**
 * Return how well a model answers to words, `null` where it does not.
 *
 * Every word has to stand somewhere; in names first those that begin with it. Spaces and hyphens in names do not
 * matter: gpt2 finds GPT-2.
 */
export function rank(model: Model, words: string): number | null {
  const names = [model.slug, model.name, ...model.aliases];
  const asked = plain(words);
  if (names.some((name) => plain(name) === asked)) return RANKS.called;
  if (plain(model.name).startsWith(asked)) return RANKS.begins;
  const wanted = fold(words).split(/\s+/).filter(Boolean);
  const begun = (texts: readonly string[]): boolean => {
    const starts = texts.flatMap((text) => [plain(text), ...fold(text).split(/[^\p{L}\p{N}.]+/u)]);
    return wanted.every((word) => starts.some((start) => start.startsWith(word)));
  };
  if (begun([model.slug, model.name])) return RANKS.name;
  if (begun(names)) return RANKS.alias;
  const layers = [[...names, ...names.map(plain)], [model.family, ...labNames(model)], [model.summary]];
  let text = "";
  for (const [index, layer] of layers.entries()) {
    text += ` ${fold(layer.join(" "))}`;
    if (wanted.every((word) => text.includes(word))) return RANKS.within + index;
  }
  return null;
}

function labNames(model: Model): readonly string[] {
  const names = globalThis.bestiary?.words?.["labs"] ?? {};
  return model.labs.flatMap((lab) => [lab, names[lab] ?? ""]);
}

/** Return models in the order of a column, `-` before its name for the reverse; what says nothing comes last. */
export function sorted(found: readonly Model[], key: string, words = ""): Model[] {
  const down = key.startsWith("-");
  const column = key.replace(/^-/, "");
  const compared = (a: Model, b: Model): number => {
    const [first, second] = [sortable(a[column]), sortable(b[column])];
    if (first === null || second === null) return Number(first === null) - Number(second === null);
    return compare(first, second) * (down ? -1 : 1);
  };
  const byName = (a: Model, b: Model): number => compare(fold(a.name), fold(b.name));
  if (column) return [...found].sort((a, b) => compared(a, b) || byName(a, b));
  return [...found].sort((a, b) => (rank(a, words) ?? Infinity) - (rank(b, words) ?? Infinity) || byName(a, b));
}

type Sortable = string | number;

function sortable(value: Json | undefined): Sortable | null {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "number") return value;
  return fold(Array.isArray(value) ? value.join(", ") : String(value)) || null;
}

function compare(a: Sortable, b: Sortable): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1; // a number before a word such as "undisclosed"
  if (typeof b === "number") return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
