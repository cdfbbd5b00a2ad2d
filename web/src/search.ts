/** The home page: a search that answers at each letter, and facets that say what they would leave. */

import { models, type Model } from "./data";
import { all, announce, byId } from "./dom";
import { FACETS, passing, read, sorted, tallies, type Reading } from "./filter";
import { bind, one, said, type State } from "./state";

/** Bind the search to the results that stand on the page. */
export function mountSearch(): void {
  const form = byId("search", HTMLFormElement);
  const results = byId("results", HTMLElement);
  if (!form || !results || document.body.dataset["page"] !== "home") return;
  const items = new Map(all("[data-slug]", HTMLElement, results).map((item) => [item.dataset["slug"] ?? "", item]));
  bind(form, () => show(form, results, items));
  show(form, results, items);
  arrows(form, results);
}

function show(form: HTMLFormElement, results: HTMLElement, items: ReadonlyMap<string, HTMLElement>): void {
  const state = said(form);
  const reading = read(state);
  const found = sorted(passing(models(), reading), one(state, "sort") ?? "name", "");
  const order = one(state, "q") && usual(form) ? sorted(found, "", one(state, "q") ?? "") : found;
  const shown = new Set(order.map((model) => model.slug));
  for (const [slug, item] of items) item.hidden = !shown.has(slug);
  results.append(...order.map((model) => items.get(model.slug)).filter((item) => item !== undefined));
  announceCount(order, models().length);
  complain(form, reading);
  for (const facet of all("[data-facet]", HTMLElement, form)) tally(facet, state, reading);
}

/** Tell whether the order is the one that the page begins with: then the best answers come first. */
function usual(form: HTMLFormElement): boolean {
  const select = form.elements.namedItem("sort");
  return !(select instanceof HTMLSelectElement) || select.selectedIndex <= 0;
}

/** Say how many models there are, on the page and to a screen reader. */
export function announceCount(found: readonly unknown[], of: number, what = "models"): void {
  announce(found.length === of ? `${of} ${what}` : `${found.length} of ${of} ${what}`, "count");
  const empty = byId("empty", HTMLElement);
  if (empty) empty.hidden = found.length > 0;
}

/** Mark the controls whose value could not be read, and say why. */
export function complain(form: HTMLFormElement, { problems }: Reading): void {
  for (const name of ["since", "until", "params"]) {
    const control = form.elements.namedItem(name);
    if (!(control instanceof HTMLInputElement)) continue;
    const problem = problems.get(name) ?? "";
    control.setCustomValidity(problem);
    control.title = problem;
    if (problem) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  }
}

function tally(facet: HTMLElement, state: State, reading: Reading): void {
  const name = facet.dataset["facet"] ?? "";
  if (!(name in FACETS)) return;
  const counts = tallies(models(), reading, name);
  for (const label of all("label", HTMLElement, facet)) {
    const value = label.querySelector("input")?.value ?? "";
    const place = label.querySelector(".tally");
    if (place) place.textContent = String(counts.get(value) ?? 0);
  }
  const chosen = facet.querySelector("summary .chosen");
  const number = (state.get(name) ?? []).length;
  if (chosen) chosen.textContent = number ? `${number} chosen` : "";
}

/** Have the arrow keys walk from the search into its results, one after another, and back. */
function arrows(form: HTMLFormElement, results: HTMLElement): void {
  const input = byId("q", HTMLInputElement);
  const walk = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = all("li:not([hidden]) a:first-of-type", HTMLAnchorElement, results);
    const stops: HTMLElement[] = input ? [input, ...links] : links;
    const here = stops.findIndex((stop) => stop === document.activeElement);
    const next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
    if (here < 0 || !next) return;
    event.preventDefault();
    next.focus();
  };
  input?.addEventListener("keydown", walk);
  results.addEventListener("keydown", walk);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target instanceof HTMLInputElement && event.target.type !== "checkbox") event.preventDefault();
  });
}

/** Return models as the state of a form leaves them: for pages that list them otherwise. */
export function left(state: State): { found: Model[]; reading: Reading } {
  const reading = read(state);
  return { found: passing(models(), reading), reading };
}
