/** What the page's data scripts have left in `globalThis.bestiary`: types of it, and more of it on demand. */

import type { Formula } from "./formula";
import type { Plan } from "./plan";
import type { Variation } from "./variation";

export type Verdict = "yes" | "conditional" | "no" | "unknown";
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A row of the table of all models. Sizes, parameters and dates are those of its first size. */
export interface Model {
  readonly slug: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly family: string;
  readonly published: string;
  readonly form: string;
  readonly labs: readonly string[];
  readonly modality: readonly string[];
  readonly objectives: readonly string[];
  readonly tasks: readonly string[];
  readonly access: string;
  readonly license: string;
  readonly commercial: Verdict;
  readonly runnable: boolean;
  readonly sizes: readonly string[];
  readonly parameters: number | null;
  /** Of each size, in their order: the exact parameters, and the number that its authors state. */
  readonly counts?: readonly (readonly [total: number, stated: number | null])[];
  readonly parents: readonly string[];
  readonly [column: string]: Json | undefined; // and whatever else the table of all models shows
}

export type ColumnKind = "text" | "number" | "date" | "words";
export type Column = readonly [key: string, title: string, kind: ColumnKind];

export interface Gpu {
  readonly name: string;
  readonly bytes: number;
}

/** Numbers are stored in blocks of `values` that take `bytes`; `cache` names the precision of keys and values. */
export interface Precision {
  readonly values: number;
  readonly bytes: number;
  readonly cache: string;
}

export type Plans = Readonly<Record<string, Plan>>;
/** What a task takes at every size where that is known whole: how much, and not why. */
export interface TaskPlans {
  readonly precisions: Plan["precisions"];
  readonly leaves_out: string;
  /** How many sizes it is not known of. */
  readonly unknown: number;
  readonly sizes: Readonly<Record<string, SizePlan>>;
}

export interface SizePlan {
  readonly parameters: number;
  readonly lines: readonly (readonly [part: string, formula: Formula])[];
  readonly variables: Plan["variables"];
}

export interface Source {
  readonly from: string;
  readonly at: string;
  readonly sure: string;
  readonly title: string;
  readonly url: string | null;
}

export interface Size {
  readonly tiny: boolean;
  readonly function: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly context: number;
  readonly count: { readonly total: number; readonly active: number; readonly embedding: number; readonly non_embedding: number };
  readonly parts: readonly (readonly [path: string, parameters: number])[];
  readonly spec: readonly (readonly [path: string, text: string])[];
  readonly plans: Plans;
  readonly variation: Variation | null;
}

export interface Entry {
  readonly slug: string;
  readonly name: string;
  readonly default: string;
  readonly facts: readonly (readonly [key: string, title: string, text: string, source: Source | null])[];
  readonly sizes: Readonly<Record<string, Size>>;
}

export interface Bestiary {
  models?: readonly Model[];
  words?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  columns?: readonly Column[];
  shown?: readonly string[];
  gpus?: readonly Gpu[];
  precisions?: Readonly<Record<string, Precision>>;
  plans?: Record<string, TaskPlans>;
  entries?: Record<string, Entry>;
  [exposed: string]: unknown;
}

declare global {
  var bestiary: Bestiary | undefined;
}

/** Return what the data scripts and this one share. */
export function shared(): Bestiary {
  return (globalThis.bestiary ??= {});
}

/** Return all models; none where their script did not arrive. */
export function models(): readonly Model[] {
  return shared().models ?? [];
}

/** Return the path of the site's root as this page sees it: empty, or `../`. */
export function root(): string {
  return document.documentElement.dataset["root"] ?? "";
}

/** Return where the page of a model is. */
export function pageOf(slug: string): string {
  return `${root()}models/${encodeURIComponent(slug)}.html`;
}

const underway = new Map<string, Promise<Entry>>();

/** Fetch an entry by adding its script, which works on `file://` as well; refused with a sentence. */
export function entry(slug: string): Promise<Entry> {
  const known = underway.get(slug) ?? add(slug);
  underway.set(slug, known);
  return known;
}

async function add(slug: string): Promise<Entry> {
  const here = shared().entries?.[slug];
  if (here) return here;
  if (!models().some((model) => model.slug === slug)) throw new Error(`The atlas has no model “${slug}”.`);
  return arrived(`entries/${encodeURIComponent(slug)}`, slug, () => shared().entries?.[slug]);
}

const asked = new Map<string, Promise<TaskPlans>>();

/** Fetch what a task takes at every size, in the same way. */
export function plansOf(task: string): Promise<TaskPlans> {
  const here = shared().plans?.[task];
  const known = asked.get(task) ?? (here ? Promise.resolve(here) : arrived(`plans/${encodeURIComponent(task)}`, task, () => shared().plans?.[task]));
  asked.set(task, known);
  return known;
}

async function arrived<T>(path: string, what: string, find: () => T | undefined): Promise<T> {
  const missing = new Error(`The data of ${what} did not arrive; is the site complete?`);
  const script = document.createElement("script");
  script.src = `${root()}data/${path}.js`;
  await new Promise<void>((done, failed) => {
    script.addEventListener("load", () => done());
    script.addEventListener("error", () => failed(missing));
    document.head.append(script);
  });
  const found = find();
  if (found === undefined) throw missing;
  return found;
}

/** A model with one of its sizes: `bert:base`. */
export interface Chosen {
  readonly entry: Entry;
  readonly size: Size;
  readonly name: string;
}

/** Fetch what `bert:base`, or `bert` for its first size, names; refused with a sentence. */
export async function choose(name: string): Promise<Chosen> {
  const [slug = "", wanted] = known(name).split(":");
  const found = await entry(slug);
  const size = wanted ?? found.default;
  const there = found.sizes[size];
  if (there) return { entry: found, size: there, name: `${slug}:${size}` };
  const sizes = Object.keys(found.sizes);
  if (!sizes.length) throw new Error(`The architecture of ${found.name} is undisclosed: it has no size to compute with.`);
  throw new Error(`${found.name} has no size “${size}”; it has ${sizes.join(", ")}.`);
}

/** Return the slug that a name means, whatever its case, spaces and hyphens; what is unknown stays as it is. */
function known(name: string): string {
  const [model = "", size] = name.trim().split(":");
  const wanted = plain(model);
  const found = models().find((one) => [one.slug, one.name, ...one.aliases].some((said) => plain(said) === wanted));
  const slug = found?.slug ?? model;
  return size ? `${slug}:${size.trim()}` : slug;
}

/** Return a name without case, accents, spaces and punctuation. */
export function plain(name: string): string {
  return fold(name).replace(/[\s\-_.]/g, "");
}

/** Return a text without case and accents. */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
}
