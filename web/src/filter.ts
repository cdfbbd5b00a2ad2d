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

function parameters(value: string): Test | string {
  const match = /^(?:(\d+(?:\.\d+)?)([KMBT]?))?\s*:\s*(?:(\d+(?:\.\d+)?)([KMBT]?))?$/i.exec(value.trim());
  if (!match) return `“${value}” is no range; write 100M:7B, :400M or 1B:.`;
  const bound = (digits: string | undefined, scale: string | undefined, open: number): number =>
    digits === undefined ? open : Math.round(Number(digits) * (SCALES[(scale ?? "").toUpperCase()] ?? 1));
  const least = bound(match[1], match[2], 0);
  const most = bound(match[3], match[4], Infinity);
  return (model) => model.parameters !== null && least <= model.parameters && model.parameters <= most;
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

/**
 * Return how well a model answers to words: 0 it is called so, 4 they stand in its summary; `null` not at all.
 *
 * Every word has to stand somewhere. Spaces and hyphens in names do not matter: gpt2 finds GPT-2.
 */
export function rank(model: Model, words: string): number | null {
  const names = [model.slug, model.name, ...model.aliases];
  const asked = plain(words);
  if (names.some((name) => plain(name) === asked)) return 0;
  if (names.some((name) => plain(name).startsWith(asked))) return 1;
  const layers = [
    [...names, ...names.map(plain)],
    [model.family, ...labNames(model)],
    [model.summary],
  ];
  const wanted = fold(words).split(/\s+/).filter(Boolean);
  let text = "";
  for (const [index, layer] of layers.entries()) {
    text += ` ${fold(layer.join(" "))}`;
    if (wanted.every((word) => text.includes(word))) return index + 2;
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
  return [...found].sort((a, b) => (rank(a, words) ?? 5) - (rank(b, words) ?? 5) || byName(a, b));
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
