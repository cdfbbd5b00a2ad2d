/** What a form of sizes asks: task, precision, and numbers that people write as they like. */

import { readCount } from "./numbers";
import type { Asked } from "./plan";
import { one, type State } from "./state";

export interface Question {
  readonly task: string;
  readonly precision: string;
  readonly asked: Asked;
  readonly problems: readonly string[];
}

/** The numbers that plans ask for, by their parameter. */
export const NUMBERS = ["context", "batch", "rank", "source", "checkpointing"] as const;

/** Read a state; fields that are empty ask nothing. */
export function question(state: State): Question {
  const asked: Record<string, number> = {};
  const problems: string[] = [];
  for (const name of NUMBERS) {
    const text = one(state, name)?.trim();
    if (!text) continue;
    const value = readCount(text);
    if (value !== null) asked[name] = value;
    else problems.push(`${name} is “${text}”; write a whole number such as 2048, or 8k.`);
  }
  return { task: one(state, "task") ?? "serve", precision: one(state, "precision") ?? "bfloat16", asked, problems };
}
