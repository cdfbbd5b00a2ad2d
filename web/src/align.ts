/** Lists of models laid side by side: by key, in an order that is each list's own. */

/** Return all keys of several lists; one that the first lacks comes behind the key that it follows in its own list. */
export function merged(lists: readonly (readonly string[])[]): string[] {
  const order: string[] = [];
  for (const list of lists) {
    let place = 0;
    for (const key of list) {
      const known = order.indexOf(key);
      if (known < 0) order.splice(place, 0, key);
      place = (known < 0 ? place : known) + 1;
    }
  }
  return order;
}

/** A key with what each list says to it; null where one says nothing. */
export interface Aligned<T> {
  readonly key: string;
  readonly values: readonly (T | null)[];
  readonly differs: boolean;
}

/** Return lists of pairs laid side by side. Values are compared by `same`. */
export function aligned<T>(
  lists: readonly (readonly (readonly [string, T])[])[],
  same: (a: T, b: T) => boolean = (a, b) => a === b,
): Aligned<T>[] {
  const tables = lists.map((list) => new Map(list));
  return merged(lists.map((list) => list.map(([key]) => key))).map((key) => {
    const values = tables.map((table) => table.get(key) ?? null);
    const [first = null] = values;
    const differs = values.some((value) => (value === null || first === null ? value !== first : !same(value, first)));
    return { key, values, differs };
  });
}

/** What the parameters of one part are in each model, and how many more than in the first. */
export interface Attributed {
  readonly path: string;
  readonly counts: readonly number[];
  readonly gains: readonly number[];
}

/** Return parts laid side by side. Their gains sum to those of the totals exactly: each part stands in one row. */
export function attributed(parts: readonly (readonly (readonly [string, number])[])[]): Attributed[] {
  return aligned(parts).map(({ key, values }) => {
    const counts = values.map((value) => value ?? 0);
    return { path: key, counts, gains: counts.map((count) => count - (counts[0] ?? 0)) };
  });
}
