/** What a model would be if it were wider, deeper, with other words: counted anew at each change, exactly. */

import { attributed } from "./align";
import { question } from "./ask";
import { combobox } from "./combobox";
import { choose, type Chosen, type Size } from "./data";
import { all, byId, fill, freshId, make, refuse, type Child } from "./dom";
import { commas, signed } from "./numbers";
import { fillSection, scroller, table, type Row } from "./rows";
import { beyondDefaults, one, readState, restore, said, writeState, type State } from "./state";
import { ask, sizingOf } from "./sizing";
import { argumentsAt, countsAt, least, partsAt, plansAt, problemsOf, step, type Argument, type Values, type Variation } from "./variation";

const SECTIONS = ["what-if-counts", "what-if-diff", "what-if-sizing"] as const;
/** How far a slider goes: so many times what was published. */
const REACH = 4;

/** Bind the page that varies a model to the one in its address. */
export function mountWhatIf(): void {
  const form = byId("what-if", HTMLFormElement);
  const place = byId("arguments", HTMLElement);
  const input = form?.elements.namedItem("m");
  if (form && place && input instanceof HTMLInputElement) new WhatIf(form, place, input);
}

class WhatIf {
  private chosen: Chosen | null = null;
  private turn = 0;

  constructor(
    private readonly form: HTMLFormElement,
    private readonly place: HTMLElement,
    private readonly input: HTMLInputElement,
  ) {
    combobox(input);
    restore(form, readState());
    input.addEventListener("change", () => void this.take(new Map()));
    form.addEventListener("input", (event) => event.target !== input && this.show());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.chosen?.name !== input.value) void this.take(new Map());
    });
    form.addEventListener("reset", (event) => {
      event.preventDefault(); // the model stays; its numbers become those that were published
      void this.take(new Map());
    });
    void this.take(readState());
  }

  /** Take the model that the form names, with what a state says of its arguments. */
  private async take(state: State): Promise<void> {
    const turn = ++this.turn;
    const name = this.input.value.trim();
    if (!name) return this.nothing([]);
    try {
      const chosen = await choose(name);
      if (turn !== this.turn) return; // another was named while its data came
      this.chosen = chosen;
      this.offer(chosen.size.variation);
      restore(this.form, state);
      this.show();
    } catch (error) {
      if (turn === this.turn) this.nothing([(error as Error).message]);
    }
  }

  private nothing(problems: readonly string[]): void {
    this.chosen = null;
    fill(this.place);
    refuse(problems);
    for (const id of SECTIONS) fillSection(byId(id, HTMLElement));
  }

  private offer(variation: Variation | null): void {
    const own = variation ? argumentsAt(variation, {}) : {};
    fill(this.place, ...(variation?.arguments ?? []).map((argument) => field(argument, own)));
    if (!variation) fill(this.place, make("p", { class: "empty" }, "What this size is made of cannot vary here; below is what was published."));
  }

  private show(): void {
    if (!this.chosen) return;
    const { name, size } = this.chosen;
    const variation = size.variation;
    const state = said(this.form);
    const asked = variation ? read(variation, state) : {};
    const at = variation ? argumentsAt(variation, asked) : {};
    // An argument's own value is its field's default, so the address says what differs from what was published.
    const beyond = [...beyondDefaults(this.form)].filter(([key]) => key !== this.input.name);
    writeState(new Map([[this.input.name, [name]], ...beyond]));
    if (variation) this.follow(variation, at);
    const asking = question(state);
    ask(this.form, size.plans[asking.task]);
    const problems = variation ? problemsOf(variation, at) : [];
    refuse(problems);
    if (problems.length) return; // what is shown is what could be counted last
    const [counts, diff, sizing] = SECTIONS.map((id) => byId(id, HTMLElement));
    const changed = variation?.arguments.some((argument) => at[argument.name] !== argument.value) ?? false;
    const plans = variation && changed ? plansAt(variation, at, size.plans) : size.plans;
    fillSection(counts ?? null, ...countTable(size, variation, at));
    fillSection(diff ?? null, ...changes(size, variation, at));
    const alone = "With other arguments the page counts serving alone; as published, every task.";
    const known = asking.task in plans || !(asking.task in size.plans);
    fillSection(sizing ?? null, ...(known ? sizingOf(plans, name, asking) : [make("p", { class: "empty" }, alone)]));
  }

  /** Have each field go in the steps that the others leave it: a width in those of its heads. */
  private follow(variation: Variation, at: Values): void {
    for (const argument of variation.arguments) {
      const [by, from] = [step(argument, at), least(argument, at)];
      for (const input of all("input", HTMLInputElement, this.place)) {
        if (input.dataset["argument"] !== argument.name) continue;
        input.step = String(by);
        input.min = String(from);
      }
    }
  }
}

/** Return the field of an argument: a number, and a slider for the same. */
function field(argument: Argument, own: Values): HTMLElement {
  const { name, value } = argument;
  const [by, from] = [step(argument, own), least(argument, own)];
  const id = freshId("argument");
  const shared = { "data-argument": name, min: from, step: by, value };
  const number = make("input", { id, name, type: "number", inputmode: "numeric", ...shared });
  const far = Math.max(from + by, Math.ceil((value * REACH) / by) * by);
  const slider = make("input", { type: "range", max: far, "aria-label": `${name}, slider`, ...shared });
  slider.addEventListener("input", () => (number.value = slider.value)); // before the form hears of it
  number.addEventListener("input", () => (slider.value = number.value));
  return make("div", { class: "argument" }, make("label", { for: id }, name), number, slider);
}

function read(variation: Variation, state: State): Values {
  const values = variation.arguments.map(({ name, value }) => [name, Number(one(state, name) || value)] as const);
  return Object.fromEntries(values.map(([name, value]) => [name, Number.isInteger(value) ? value : 0]));
}

const COUNTS = { total: "All", active: "Of these, active for a token", embedding: "In embeddings", non_embedding: "Elsewhere" } as const;

function countTable(size: Size, variation: Variation | null, at: Values): Child[] {
  const now = variation ? countsAt(variation, at) : size.count;
  const rows = (Object.keys(COUNTS) as (keyof typeof COUNTS)[]).map((key): Row => {
    const [before, after] = [size.count[key], now[key]];
    return { cells: [COUNTS[key], commas(before), commas(after), signed(after - before)], ...(before === after ? {} : { class: "differs" }) };
  });
  return [scroller("Parameters", table("Parameters", columns("Parameters"), rows))];
}

const columns = (first: string): { title: string; number?: boolean }[] => [
  { title: first },
  { title: "Published", number: true },
  { title: "Now", number: true },
  { title: "Difference", number: true },
];

function changes(size: Size, variation: Variation | null, at: Values): Child[] {
  const changed = (variation?.arguments ?? []).filter(({ name, value }) => at[name] !== value);
  if (!variation || !changed.length) return [make("p", {}, "Nothing yet: these are the published sizes.")];
  const told = changed.map(({ name, value }): Row => {
    const now = at[name] ?? value;
    return { cells: [make("code", {}, name), commas(value), commas(now), signed(now - value)] };
  });
  const parts = attributed([size.parts, partsAt(variation, at)]);
  const rows = parts.map(({ path, counts: [before = 0, after = 0], gains: [, gain = 0] }): Row => ({
    cells: [make("code", {}, path), commas(before), commas(after), signed(gain)],
    ...(gain ? { class: "differs" } : {}),
  }));
  const now = countsAt(variation, at).total;
  const foot: Row = { cells: ["All parameters", commas(size.count.total), commas(now), signed(now - size.count.total)] };
  return [
    scroller("Changed arguments", table("Arguments", columns("Argument"), told)),
    scroller("Parameters by part", table("Parameters by part", columns("Part"), rows, [foot])),
  ];
}
