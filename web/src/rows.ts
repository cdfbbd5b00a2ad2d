/** Tables that the script makes, as the rest of the site has them: a caption, headers, and a box to scroll in. */

import { fill, make, type Child } from "./dom";

export interface Column {
  readonly title: string;
  readonly number?: boolean;
}

export interface Row {
  readonly cells: readonly Child[]; // the first is the row's header
  readonly class?: string;
}

/** Return a table. */
export function table(caption: string, columns: readonly Column[], rows: readonly Row[], foot: readonly Row[] = []): HTMLTableElement {
  const head = make("tr", {}, ...columns.map(({ title, number }) => make("th", { scope: "col", class: number ? "number" : null }, title)));
  const made = make("table", { class: "data" }, make("caption", {}, caption), make("thead", {}, head));
  made.append(make("tbody", {}, ...rows.map((row) => line(row, columns))));
  if (foot.length) made.append(make("tfoot", {}, ...foot.map((row) => line(row, columns))));
  return made;
}

/** Return one row of a table of these columns. */
export function line(row: Row, columns: readonly Column[]): HTMLTableRowElement {
  const cells = row.cells.map((cell, index) => {
    const look = columns[index]?.number ? "number" : null;
    return index ? make("td", { class: look }, cell) : make("th", { scope: "row", class: look }, cell);
  });
  return make("tr", { class: row.class ?? null }, ...cells);
}

/** Return a box that a wide table scrolls in, with the keyboard too. */
export function scroller(label: string, ...children: readonly Child[]): HTMLDivElement {
  return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, ...children);
}

/** Put contents below a section's heading, in place of what was there, and show it; nothing hides it. */
export function fillSection(section: HTMLElement | null, ...children: readonly Child[]): void {
  if (!section) return;
  const heading = section.querySelector("h2, h3");
  fill(section, heading, ...children);
  section.hidden = !children.some(Boolean);
}
