/** What a task keeps in memory, as Python planned it (`bestiary/sizing/plan.py`): lines of exact bytes. */

import { evaluate, type Formula, type Values } from "./formula";
import { commas } from "./numbers";

export interface Line {
  readonly name: string;
  readonly part: string;
  readonly formula: Formula;
  readonly why?: string;
}

/** A number that a plan asks for; a default of null takes as many as context. */
export interface Variable {
  readonly name: string;
  readonly default: number | null;
  readonly least: number;
  readonly most: number | null;
  readonly why?: string;
}

export interface Plan {
  readonly task: string;
  readonly lines: readonly Line[];
  readonly variables: readonly Variable[];
  readonly precisions: Readonly<Record<string, Values>>;
  /** Whether its lines are all that the task takes; if not, their sum is no answer to whether a model fits. */
  readonly complete: boolean;
  readonly leaves_out: readonly string[];
}

/** What a person asks for, by name; what a plan does not ask for changes nothing. */
export type Asked = Readonly<Record<string, number | undefined>>;

/** A value that a plan cannot take, said in a sentence. */
export class Refused extends Error {}

/** Return the value of every variable of a plan, a precision's among them. */
export function values(plan: Plan, precision: string, asked: Asked = {}): Values {
  const numbers = plan.precisions[precision];
  if (!numbers) throw new Refused(`Not in ${precision}; this task takes ${Object.keys(plan.precisions).join(", ")}.`);
  const context = asked["context"] ?? plan.variables.find(({ name }) => name === "context")?.default;
  const known: Record<string, number | bigint> = { ...numbers };
  for (const variable of plan.variables) {
    const value = asked[variable.name] ?? variable.default ?? context;
    if (value === undefined || value === null) continue; // the formula that needs it says so
    if (asked[variable.name] !== undefined) check(variable, value);
    known[variable.name] = value;
  }
  return known;
}

function check({ name, least, most }: Variable, value: number): void {
  if (value >= least && (most === null || value <= most)) return;
  const bounds = most === null ? `at least ${commas(least)}` : least === most ? commas(most) : `${commas(least)} to ${commas(most)}`;
  throw new Refused(`${name} is ${commas(value)}; this model takes ${bounds}.`);
}

/** Return the exact bytes of each line by its name. */
export function lineBytes(plan: Plan, precision: string, asked: Asked = {}): ReadonlyMap<string, bigint> {
  const known = values(plan, precision, asked);
  return new Map(plan.lines.map((line) => [line.name, evaluate(line.formula, known)]));
}

function sum(lines: readonly Line[], known: Values): bigint {
  return lines.reduce((bytes, line) => bytes + evaluate(line.formula, known), 0n);
}

/** Return the bytes of all lines together. */
export function total(plan: Plan, precision: string, asked: Asked = {}): bigint {
  return sum(plan.lines, values(plan, precision, asked));
}

/** Return the bytes of the lines that hold one thing: `weights`, `cache`. */
export function partBytes(plan: Plan, precision: string, asked: Asked, part: string): bigint {
  return sum(plan.lines.filter((line) => line.part === part), values(plan, precision, asked));
}

/**
 * Return the most tokens of context that fit into so many bytes: none where not even one does.
 *
 * Bytes never shrink as context grows. `Infinity` where context costs nothing and nothing bounds it; `null` where the
 * plan asks for no context.
 */
export function largestContext(plan: Plan, precision: string, asked: Asked, room: bigint): number | null {
  const variable = plan.variables.find(({ name }) => name === "context");
  if (!variable) return null;
  const fits = (context: number): boolean => total(plan, precision, { ...asked, context }) <= room;
  if (!fits(variable.least)) return 0;
  const most = variable.most ?? 2 ** 40;
  if (fits(most)) return variable.most ?? Infinity;
  let [low, high] = [variable.least, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
