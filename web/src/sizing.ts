/** The bytes of one size at one task, line by line with the reason of each, and the GPUs that they fit. */

import { NUMBERS, question, type Question } from "./ask";
import { entry, root, shared, type Size } from "./data";
import { byId, fill, make, type Child } from "./dom";
import { bytes, commas } from "./numbers";
import { lineBytes, type Plan } from "./plan";
import { scroller, table, type Row } from "./rows";
import { bind, one, said } from "./state";

/** Bind the form of a model's page to its sizes. */
export function mountSizing(): void {
  const form = byId("sizing-form", HTMLFormElement);
  const result = byId("sizing-result", HTMLElement);
  const slug = document.querySelector("article[data-slug]")?.getAttribute("data-slug");
  if (!form || !result || !slug) return;
  const update = async (): Promise<void> => {
    const state = said(form);
    try {
      const { sizes, default: usual } = await entry(slug);
      const name = one(state, "size") ?? usual;
      const size = sizes[name];
      if (size) show(result, form, size, `${slug}:${name}`, question(state));
    } catch (error) {
      fill(result, make("p", { class: "problem", role: "alert" }, (error as Error).message));
    }
  };
  bind(form, () => void update());
  if (location.search) void update(); // the page came with the answer for its defaults
  else void entry(slug).then(({ sizes, default: usual }) => ask(form, sizes[usual]?.plans["serve"]));
}

function show(result: HTMLElement, form: HTMLFormElement, size: Size, name: string, asking: Question): void {
  ask(form, size.plans[asking.task]);
  fill(result, ...sizingOf(size.plans, name, asking));
  const link = byId("what-if-link", HTMLAnchorElement);
  if (link) link.href = `${root()}what-if.html?m=${name}`; // on the size that is shown
}

/** Show only those fields that a plan asks for, each with what it takes unless said. */
export function ask(form: HTMLFormElement, plan: Plan | undefined): void {
  for (const name of NUMBERS) {
    const field = form.elements.namedItem(name);
    if (!(field instanceof HTMLInputElement)) continue;
    const variable = plan?.variables.find((one) => one.name === name);
    const place = field.closest("label") ?? field;
    place.hidden = !variable;
    field.placeholder = variable ? (variable.default === null ? "as context" : commas(variable.default)) : "";
    field.title = variable?.why ?? "";
  }
}

/** Return the table of a task's lines, or a sentence where there is none. */
export function sizingOf(plans: Readonly<Record<string, Plan>>, name: string, asking: Question): Child[] {
  const plan = plans[asking.task];
  if (!plan) return [make("p", { class: "empty" }, `${name} has no plan for this task.`)];
  const alert = (sentence: string): Child[] => [make("p", { class: "problem", role: "alert" }, sentence)];
  if (asking.problems.length) return alert(asking.problems.join(" "));
  let lines: ReadonlyMap<string, bigint>;
  try {
    lines = lineBytes(plan, asking.precision, asking.asked);
  } catch (error) {
    return alert((error as Error).message);
  }
  const sum = [...lines.values()].reduce((a, b) => a + b, 0n);
  const told = plan.lines.some(({ why }) => why);
  const row = (what: string, number: bigint, why: string): Row => ({ cells: [what, bytes(number), commas(number), ...(told ? [why] : [])] });
  const rows = plan.lines.map(({ name: what, why }) => row(what, lines.get(what) ?? 0n, why ?? ""));
  const columns = [{ title: "What" }, { title: "Size", number: true }, { title: "Bytes", number: true }, ...(told ? [{ title: "Why" }] : [])];
  const foot = row("All together", sum, "");
  const children: Child[] = rows.length
    ? [scroller(`What ${name} takes`, table(`${name}, ${asking.task}, ${asking.precision}`, columns, rows, [foot])), plan.complete && gpusFor(sum)]
    : [];
  return [...children, ...plan.leaves_out.map((sentence) => make("p", { class: "why" }, sentence))];
}

function gpusFor(sum: bigint): HTMLElement {
  const fitting = (shared().gpus ?? []).filter((gpu) => sum <= BigInt(gpu.bytes));
  const least = Math.min(...fitting.map((gpu) => gpu.bytes));
  const smallest = fitting.filter((gpu) => gpu.bytes === least).map(({ name }) => name);
  if (!smallest.length) return make("p", {}, "No single GPU that the atlas knows holds it.");
  return make("p", {}, `The smallest GPU that holds it has ${bytes(least)}: ${smallest.join(" or ")}.`);
}
