/** Two to four models side by side: what differs first, and where their parameters differ. */

import { aligned, attributed, type Aligned } from "./align";
import { combobox } from "./combobox";
import { choose, pageOf, type Chosen } from "./data";
import { all, byId, make, refuse, type Child } from "./dom";
import { commas, signed } from "./numbers";
import { fillSection, scroller, table, type Column, type Row } from "./rows";
import { readState, writeState } from "./state";

/** Bind the page that compares to the models in its address. */
export function mountCompare(): void {
  const form = byId("compare", HTMLFormElement);
  if (!form) return;
  const inputs = all("input[name=m]", HTMLInputElement, form);
  const asked = readState().get("m") ?? [];
  inputs.forEach((input, index) => (input.value = asked[index] ?? ""));
  inputs.forEach(combobox);
  const update = (): void => {
    const names = inputs.map((input) => input.value.trim()).filter(Boolean);
    writeState(names.length ? new Map([["m", names]]) : new Map());
    void show(names);
  };
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    update();
  });
  update();
}

let latest = 0;

async function show(names: readonly string[]): Promise<void> {
  const turn = ++latest;
  const answers = await Promise.allSettled(names.map(choose));
  if (turn !== latest) return; // the choice changed while its data came
  const chosen = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  const problems = answers.flatMap((answer) => (answer.status === "rejected" ? [String((answer.reason as Error).message)] : []));
  if (chosen.length === 1 && !problems.length) problems.push("Choose a second model to compare with.");
  refuse(problems);
  const enough = chosen.length > 1;
  const none = byId("compare-none", HTMLElement);
  if (none) none.hidden = enough;
  const comparison = byId("comparison", HTMLElement);
  if (comparison) comparison.hidden = !enough;
  const sections = ["compare-facts", "compare-spec", "compare-parts"].map((id) => byId(id, HTMLElement));
  const [facts, spec, parts] = enough ? [factTables(chosen), specTables(chosen), partTable(chosen)] : [[], [], []];
  [facts, spec, parts].forEach((children, index) => fillSection(sections[index] ?? null, ...children));
}

const titles = (chosen: readonly Chosen[]): Column[] => chosen.map(({ entry, name }) => ({ title: `${entry.name} (${name})` }));

function factTables(chosen: readonly Chosen[]): Child[] {
  const rows = aligned(chosen.map(({ entry }) => entry.facts.map(([key, title, text]) => [key, { title, text }] as const)), (a, b) => a.text === b.text);
  const columns = [{ title: "Fact" }, ...titles(chosen)];
  const shown = ({ values, key, differs }: Aligned<{ title: string; text: string }>): Row => ({
    cells: [values.find((value) => value)?.title ?? key, ...values.map((value) => value?.text ?? "—")],
    ...(differs ? { class: "differs" } : {}),
  });
  const links = make("p", {}, "Each fact with its source: ", ...chosen.flatMap(linkOf));
  return [...differingFirst("facts", columns, rows, shown), links];
}

function linkOf({ entry }: Chosen, index: number): Child[] {
  return [index ? ", " : null, make("a", { href: pageOf(entry.slug) }, entry.name)];
}

function specTables(chosen: readonly Chosen[]): Child[] {
  const rows = aligned(chosen.map(({ size }) => size.spec));
  const columns = [{ title: "Where in the architecture" }, ...titles(chosen)];
  const shown = ({ key, values, differs }: Aligned<string>): Row => ({
    cells: [make("code", {}, key), ...values.map((value) => value ?? "—")],
    ...(differs ? { class: "differs" } : {}),
  });
  return differingFirst("choices of the architecture", columns, rows, shown);
}

/** Return the table of what differs, and below it, folded, that of what does not. */
function differingFirst<T>(what: string, columns: readonly Column[], rows: readonly Aligned<T>[], shown: (row: Aligned<T>) => Row): Child[] {
  const [differing, equal] = [rows.filter((row) => row.differs), rows.filter((row) => !row.differs)];
  const children: Child[] = [];
  if (differing.length) children.push(scroller(`Differing ${what}`, table(`${differing.length} ${what} differ`, columns, differing.map(shown))));
  else children.push(make("p", {}, `All ${rows.length} ${what} are the same.`));
  if (equal.length && differing.length) {
    const summary = make("summary", {}, `${equal.length} ${what} are the same`);
    children.push(make("details", {}, summary, scroller(`Equal ${what}`, table(`${what} that are the same`, columns, equal.map(shown)))));
  }
  return children;
}

function partTable(chosen: readonly Chosen[]): Child[] {
  const rows = attributed(chosen.map(({ size }) => size.parts));
  const [first, ...others] = chosen;
  if (!first) return [];
  const columns: Column[] = [
    { title: "Part" },
    ...chosen.map(({ name }) => ({ title: name, number: true })),
    ...others.map(({ name }) => ({ title: `${name} − ${first.name}`, number: true })),
  ];
  const shown = (label: Child, counts: readonly number[], gains: readonly number[], differs: boolean): Row => ({
    cells: [label, ...counts.map(commas), ...gains.slice(1).map(signed)],
    ...(differs ? { class: "differs" } : {}),
  });
  const body = rows.map(({ path, counts, gains }) => shown(make("code", {}, path), counts, gains, gains.some(Boolean)));
  const sums = chosen.map(({ size }) => size.count.total);
  const foot = shown("All parameters", sums, sums.map((sum) => sum - (sums[0] ?? 0)), false);
  return [sentence(first, others), scroller("Parameters by part", table("Parameters by part", columns, body, [foot]))];
}

function sentence(first: Chosen, others: readonly Chosen[]): HTMLElement {
  const said = others.map(({ name, size }) => {
    const gain = size.count.total - first.size.count.total;
    if (!gain) return `${name} has as many parameters as ${first.name}.`;
    return `${name} has ${commas(Math.abs(gain))} parameters ${gain > 0 ? "more" : "fewer"} than ${first.name}.`;
  });
  return make("p", {}, said.join(" "));
}
