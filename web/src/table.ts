/** The table of all models: sorted by its headers, filtered, with the columns that one chooses, and taken along. */

import { models, type Column, type Json, type Model, shared } from "./data";
import { all, byId, make } from "./dom";
import { csv, download } from "./download";
import { FACETS, passing, read, sorted } from "./filter";
import { announceCount } from "./search";
import { bind, one, readState, said, type State } from "./state";

interface View {
  readonly table: HTMLTableElement;
  readonly rows: ReadonlyMap<string, HTMLTableRowElement>;
  readonly form: HTMLFormElement;
  sort: string;
}

/** Bind the table to its controls. */
export function mountTable(): void {
  const table = byId("table", HTMLTableElement);
  const form = byId("q", HTMLInputElement)?.form;
  if (!table || !form || document.body.dataset["page"] !== "table") return;
  const rows = new Map(all("tbody tr[data-slug]", HTMLTableRowElement, table).map((row) => [row.dataset["slug"] ?? "", row]));
  const view: View = { table, rows, form, sort: one(readState(), "sort") ?? "name" };
  const kept = besides(form);
  const update = bind(form, () => show(view), () => withSort(kept, view.sort));
  for (const header of headers(table)) sortable(header, view, update);
  byId("download-csv", HTMLButtonElement)?.addEventListener("click", () => save(view, "csv"));
  byId("download-json", HTMLButtonElement)?.addEventListener("click", () => save(view, "json"));
  show(view);
}

/** Return what the address filters by beyond the form's own controls: links from other pages bring it. */
function besides(form: HTMLFormElement): State {
  const names = [...Object.keys(FACETS), "since", "until", "params"];
  return new Map([...readState()].filter(([name]) => names.includes(name) && !form.elements.namedItem(name)));
}

function withSort(state: State, sort: string): State {
  return sort === "name" ? state : new Map([...state, ["sort", [sort]]]);
}

const headers = (table: HTMLTableElement): HTMLElement[] => all("thead th[data-column]", HTMLElement, table);

function sortable(header: HTMLElement, view: View, update: () => void): void {
  const column = header.dataset["column"] ?? "";
  const button = make("button", { type: "button", class: "sort" }, header.textContent);
  button.addEventListener("click", () => {
    view.sort = view.sort === column ? `-${column}` : column;
    update();
  });
  header.replaceChildren(button);
}

function state(view: View): State {
  return new Map([...besides(view.form), ...said(view.form)]);
}

function columns(view: View): ReadonlySet<string> {
  return new Set(["name", ...(said(view.form).get("columns") ?? [])]);
}

function inView(view: View): Model[] {
  return sorted(passing(models(), read(state(view))), view.sort);
}

function show(view: View): void {
  const found = inView(view);
  const shown = new Set(found.map((model) => model.slug));
  for (const [slug, row] of view.rows) row.hidden = !shown.has(slug);
  view.table.tBodies[0]?.append(...found.map((model) => view.rows.get(model.slug)).filter((row) => row !== undefined));
  announceCount(found, models().length);
  const chosen = columns(view);
  for (const cell of all("[data-column]", HTMLElement, view.table)) cell.hidden = !chosen.has(cell.dataset["column"] ?? "");
  for (const header of headers(view.table)) {
    const column = header.dataset["column"];
    const sort = view.sort === column ? "ascending" : view.sort === `-${column}` ? "descending" : null;
    if (sort) header.setAttribute("aria-sort", sort);
    else header.removeAttribute("aria-sort");
  }
}

function save(view: View, format: "csv" | "json"): void {
  const chosen = columns(view);
  const kept = (shared().columns ?? []).filter(([key]) => chosen.has(key));
  const found = inView(view);
  if (format === "csv") download("bestiary.csv", "text/csv", csv([kept.map(([, title]) => title), ...found.map((model) => cells(model, kept))]));
  else download("bestiary.json", "application/json", JSON.stringify(found.map((model) => picked(model, kept)), null, 2) + "\n");
}

function cells(model: Model, kept: readonly Column[]): string[] {
  return kept.map(([key]) => plainText(model[key]));
}

function plainText(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map((one: Json) => plainText(one)).join("; ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function picked(model: Model, kept: readonly Column[]): Record<string, Json> {
  return { slug: model.slug, ...Object.fromEntries(kept.map(([key]) => [key, model[key] ?? null])) };
}
