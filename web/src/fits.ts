/** What fits: every published size at one task, against the memory of a GPU. */

import { NUMBERS, question, type Question } from "./ask";
import { choose, models, pageOf, plansOf, shared, type SizePlan, type TaskPlans } from "./data";
import { announce, byId, fill, make, refuse, type Child } from "./dom";
import { bytes, commas, readBytes } from "./numbers";
import { largestContext, partBytes, Refused, total, type Plan } from "./plan";
import { line, type Column } from "./rows";
import { announceCount } from "./search";
import { bind, one, said, written, type State } from "./state";
import { sizingOf } from "./sizing";

const COLUMNS: readonly Column[] = [
  { title: "Model" },
  { title: "Parameters", number: true },
  { title: "Weights", number: true },
  { title: "Other", number: true },
  { title: "Together", number: true },
  { title: "Fits" },
  { title: "Largest context", number: true },
];

interface Answer {
  readonly name: string;
  readonly parameters: number;
  readonly weights: bigint;
  readonly all: bigint;
  readonly room: bigint;
  readonly longest: number | null;
}

/** Bind the form of what fits to its table. */
export function mountFits(): void {
  const form = byId("fits", HTMLFormElement);
  const body = byId("fits-table", HTMLTableElement)?.tBodies[0];
  if (!form || !body) return;
  const update = (): void => void show(body, said(form));
  bind(form, update);
  update();
}

let latest = 0;

async function show(body: HTMLTableSectionElement, state: State): Promise<void> {
  const mine = (latest += 1);
  const asking = question(state);
  const memory = memoryOf(state);
  const problems = [...asking.problems, ...(typeof memory === "string" ? [memory] : [])];
  refuse(problems);
  if (problems.length || typeof memory === "string") return;
  let plans: TaskPlans;
  try {
    plans = await plansOf(asking.task);
  } catch (error) {
    refuse([(error as Error).message]);
    return;
  }
  if (mine !== latest) return; // something else was asked meanwhile
  const all = Object.entries(plans.sizes);
  const asked = all.map(([name, size]) => answer(name, planned(size, plans, asking.task), size.parameters, asking, memory));
  const answers = asked.filter((one) => one !== null);
  answers.sort((a, b) => Number(b.room >= 0n) - Number(a.room >= 0n) || b.parameters - a.parameters || (a.name < b.name ? -1 : 1));
  fill(body, ...answers.map((one) => row(one, asking, state)));
  const caption = body.closest("table")?.caption;
  if (caption) fill(caption, plans.leaves_out);
  const fitting = answers.filter(({ room }) => room >= 0n);
  announceCount(fitting, answers.length, "sizes fit");
  const refused = all.length + plans.unknown - answers.length;
  if (refused) announce(`${fitting.length} of ${answers.length} sizes fit; ${refused} others cannot be asked this`, "count");
}

/** Return the bytes of the GPUs that a state names, or what is wrong with it. */
function memoryOf(state: State): bigint | string {
  const written = one(state, "bytes")?.trim();
  const count = Number(one(state, "count")?.trim() || 1);
  if (!Number.isInteger(count) || count < 1) return "The number of GPUs is not a whole number from one.";
  const name = one(state, "gpu");
  const each = written ? readBytes(written) : (shared().gpus ?? []).find((gpu) => gpu.name === name)?.bytes;
  if (each === null) return `“${written}” is no amount of memory; write 24 GB or 24 GiB.`;
  if (each === undefined) return `The atlas knows no GPU “${name}”; write its memory instead.`;
  return BigInt(each) * BigInt(count);
}

function planned({ lines, variables }: SizePlan, { precisions, leaves_out }: TaskPlans, task: string): Plan {
  const named = lines.map(([part, formula]) => ({ name: part, part, formula }));
  return { task, lines: named, variables, precisions, complete: true, leaves_out: [leaves_out] };
}

/** Return what one size takes; null where it cannot be asked: no such precision or length. */
function answer(name: string, plan: Plan, parameters: number, asking: Question, memory: bigint): Answer | null {
  try {
    const all = total(plan, asking.precision, asking.asked);
    const longest = all <= memory || fitsShorter(plan, asking, memory) ? largestContext(plan, asking.precision, asking.asked, memory) : null;
    const weights = partBytes(plan, asking.precision, asking.asked, "weights");
    return { name, parameters, weights, all, room: memory - all, longest };
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}

function fitsShorter(plan: Plan, { precision, asked }: Question, memory: bigint): boolean {
  const context = plan.variables.find(({ name }) => name === "context");
  return context !== undefined && total(plan, precision, { ...asked, context: context.least }) <= memory;
}

function row(answer: Answer, asking: Question, state: State): HTMLTableRowElement {
  const { room, longest } = answer;
  const verdict = make("span", { class: `verdict ${room >= 0n ? "yes" : "no"}` }, room >= 0n ? `yes, ${bytes(room)} left` : `no, ${bytes(-room)} short`);
  const context = longest === null ? "—" : longest === Infinity ? "any" : commas(longest);
  const cells: Child[] = [
    nameOf(answer.name, asking, state),
    commas(answer.parameters),
    bytes(answer.weights),
    answer.all > answer.weights ? bytes(answer.all - answer.weights) : "none",
    bytes(answer.all),
    verdict,
    context,
  ];
  return line({ cells }, COLUMNS);
}

/** Return a size's name as a link to its sizing, and a button that opens the reasons of its figures below the row. */
function nameOf(name: string, asking: Question, state: State): HTMLElement {
  const [slug = "", size = ""] = name.split(":");
  const kept = ["task", "precision", ...NUMBERS].map((key) => [key, state.get(key) ?? []] as const);
  const query = written(new Map([["size", [size]], ...kept.filter(([, values]) => values.some(Boolean))]));
  const title = models().find((model) => model.slug === slug)?.name ?? slug;
  const why = make("button", { type: "button", class: "why", "aria-expanded": "false", "aria-label": `why, ${name}` }, "why");
  why.addEventListener("click", () => void explain(why, name, asking));
  return make("span", {}, make("a", { href: `${pageOf(slug)}${query}#sizing` }, title), " ", make("code", {}, size), " ", why);
}

/** Open the reasons below a row, or close them. The sentences come with the entry's own data, so they are asked for now. */
async function explain(why: HTMLButtonElement, name: string, asking: Question): Promise<void> {
  const above = why.closest("tr");
  if (!above) return;
  const open = why.getAttribute("aria-expanded") === "true";
  why.setAttribute("aria-expanded", String(!open));
  if (open) {
    above.nextElementSibling?.remove();
    return;
  }
  const cell = make("td", { colspan: COLUMNS.length }, "…");
  above.after(make("tr", { class: "reasons" }, cell));
  try {
    fill(cell, ...sizingOf((await choose(name)).size.plans, name, asking));
  } catch (error) {
    fill(cell, (error as Error).message);
  }
}
