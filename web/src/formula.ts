/**
 * Exact formulas over whole numbers, as the Python package writes them (`bestiary/sizing/formula.py`).
 *
 * A formula is a sum of terms, a term a coefficient times factors; a factor is a variable, the least of several
 * formulas, or one divided by another and rounded up. Big integers throughout: products pass 2^53 on their way.
 */

export type Formula = readonly Term[];
export type Term = readonly [coefficient: number | string, ...factors: readonly Factor[]];
export type Factor = string | { readonly min: readonly Formula[] } | { readonly ceil: readonly [Formula, Formula] };
export type Values = Readonly<Record<string, number | bigint>>;

/** Return the number that a formula is where variables have these values; throws naming one that is missing. */
export function evaluate(formula: Formula, values: Values): bigint {
  let sum = 0n;
  for (const [coefficient, ...factors] of formula) {
    let product = BigInt(coefficient);
    for (const factor of factors) product *= value(factor, values);
    sum += product;
  }
  return sum;
}

function value(factor: Factor, values: Values): bigint {
  if (typeof factor === "string") {
    const known = Object.hasOwn(values, factor) ? values[factor] : undefined;
    if (known === undefined) throw new Error(`The formula needs a value for “${factor}”.`);
    return BigInt(known);
  }
  if ("min" in factor) return factor.min.map((one) => evaluate(one, values)).reduce((a, b) => (b < a ? b : a));
  const [over, by] = factor.ceil.map((one) => evaluate(one, values)) as [bigint, bigint];
  return over / by + (over % by > 0n ? 1n : 0n); // division drops the fraction, which rounds a negative one up already
}

/** Return the names of a formula's variables. */
export function variables(formula: Formula): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, ...factors] of formula) {
    for (const factor of factors) {
      if (typeof factor === "string") names.add(factor);
      else for (const inside of "min" in factor ? factor.min : factor.ceil) variables(inside).forEach((name) => names.add(name));
    }
  }
  return names;
}
