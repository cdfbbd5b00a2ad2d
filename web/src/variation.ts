/** What a size would be with other arguments: formulas of these, which Python found (`bestiary/sizing/variation.py`). */

import { evaluate, type Formula } from "./formula";
import { commas } from "./numbers";
import type { Line, Plan, Variable } from "./plan";

/** A whole number that may be another: any that is `least` or more, times `multiple`, times the argument `of`. */
export interface Argument {
  readonly name: string;
  readonly value: number;
  readonly least: number;
  readonly multiple: number;
  readonly of: string | null;
}

type Bound = Formula | number | null;

/** A plan whose numbers are formulas of the arguments. */
interface VariedPlan {
  readonly lines: readonly Omit<Line, "why">[];
  readonly variables: readonly { readonly name: string; readonly default: Bound; readonly least: Bound; readonly most: Bound }[];
  readonly precisions: Plan["precisions"];
}

export interface Variation {
  readonly arguments: readonly Argument[];
  readonly total: Formula;
  readonly active: Formula;
  readonly embedding: Formula;
  readonly non_embedding: Formula;
  readonly parts: Readonly<Record<string, Formula>>;
  readonly plans: Readonly<Record<string, VariedPlan>>;
}

/** Values of arguments by their names. */
export type Values = Readonly<Record<string, number>>;

/** Return the values of all arguments, those that are asked for in place of a size's own. */
export function argumentsAt(variation: Variation, asked: Values): Values {
  return Object.fromEntries(variation.arguments.map(({ name, value }) => [name, asked[name] ?? value]));
}

/** Return by how much an argument goes up or down. */
export function step({ multiple, of }: Argument, at: Values): number {
  return multiple * (of === null ? 1 : (at[of] ?? 1));
}

/** Return the least value of an argument. */
export function least(argument: Argument, at: Values): number {
  return argument.least * step(argument, at);
}

/** Return what is wrong with arguments, in sentences that say what would be right. */
export function problemsOf(variation: Variation, at: Values): string[] {
  return variation.arguments.flatMap((argument) => {
    const { name, multiple, of } = argument;
    const [value, by, from] = [at[name] ?? 0, step(argument, at), least(argument, at)];
    if (Number.isSafeInteger(value) && value >= from && value % by === 0) return [];
    const near = Math.max(from, Math.round(value / by) * by) || from;
    const rule = [multiple > 1 ? commas(multiple) : "", of ? `${of}, which is ${commas(at[of] ?? 0)}` : ""].filter(Boolean).join(" times ");
    if (value % by !== 0) return [`${name} is ${commas(value)}; give a multiple of ${rule}: ${commas(near)}.`];
    return [value < from ? `${name} is ${commas(value)}; give at least ${commas(from)}.` : `${name} is ${commas(value)}, too large to count with.`];
  });
}

/** Exact counts of parameters, by their names. */
export type Counts = Readonly<Record<"total" | "active" | "embedding" | "non_embedding", number>>;

/** Return the counts at arguments. */
export function countsAt(variation: Variation, at: Values): Counts {
  const { total, active, embedding, non_embedding } = variation;
  const count = (formula: Formula): number => Number(evaluate(formula, at));
  return { total: count(total), active: count(active), embedding: count(embedding), non_embedding: count(non_embedding) };
}

/** Return the parts at arguments. */
export function partsAt(variation: Variation, at: Values): (readonly [path: string, parameters: number])[] {
  return Object.entries(variation.parts).map(([path, formula]) => [path, Number(evaluate(formula, at))]);
}

/** Return the plans at arguments, which are then numbers of their precisions. The reasons are the published plan's. */
export function plansAt(variation: Variation, at: Values, published: Readonly<Record<string, Plan>>): Readonly<Record<string, Plan>> {
  return Object.fromEntries(
    Object.entries(variation.plans).map(([task, varied]) => [task, planAt(task, varied, at, published[task])]),
  );
}

function planAt(task: string, { lines, variables, precisions }: VariedPlan, at: Values, published: Plan | undefined): Plan {
  const bound = (one: Bound): number | null => (one === null || typeof one === "number" ? one : Number(evaluate(one, at)));
  const told = variables.map(({ name, ...bounds }): Variable => {
    const why = published?.variables.find((variable) => variable.name === name)?.why ?? "";
    return { name, default: bound(bounds.default), least: bound(bounds.least) ?? 1, most: bound(bounds.most), why };
  });
  return {
    task,
    lines: unlike(lines),
    variables: told,
    precisions: Object.fromEntries(Object.entries(precisions).map(([name, numbers]) => [name, { ...numbers, ...at }])),
    complete: published?.complete ?? true,
    leaves_out: published?.leaves_out ?? [],
  };
}

/** Return lines whose names differ: a number that told two apart in a published plan is no part of a varied one's. */
function unlike(lines: VariedPlan["lines"]): Line[] {
  const seen = new Map<string, number>();
  return lines.map(({ name, part, formula }) => {
    const before = seen.get(name) ?? 0;
    seen.set(name, before + 1);
    return { name: before ? `${name} (${before + 1})` : name, part, formula };
  });
}
