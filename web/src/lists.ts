/** Pages that are lists of what was written beforehand: licenses, errata, sources. Their filters hide and show. */

import { fold } from "./data";
import { all, byId } from "./dom";
import { announceCount } from "./search";
import { bind, one, said, type State } from "./state";

/** Bind the filters of whichever of these pages this is. */
export function mountLists(): void {
  mount("errata-filter", () => all("#errata .erratum", HTMLElement), "errata", (item, state) => {
    const wrong = one(state, "wrong");
    return matches(item.closest("section") ?? item, item, state) && (!wrong || item.dataset["wrong"] === wrong);
  });
  mount("sources-filter", () => all("#sources .source", HTMLElement), "sources", (item, state) => matches(item, item, state));
  mount("license-filter", () => all("#answers tbody tr", HTMLElement), "models", (item, state) => {
    const answer = one(state, "answer");
    const cell = item.querySelector(`[data-purpose="${CSS.escape(one(state, "for") ?? "")}"] .verdict`);
    return !answer || !cell || cell.classList.contains(answer);
  });
}

function mount(id: string, found: () => HTMLElement[], what: string, shown: (item: HTMLElement, state: State) => boolean): void {
  const form = byId(id, HTMLFormElement);
  if (!form) return;
  const items = found();
  const update = (): void => {
    const state = said(form);
    for (const item of items) item.hidden = !shown(item, state);
    for (const section of new Set(items.map((item) => item.closest("section")))) {
      if (section && section.id !== "answers") section.hidden = items.every((item) => item.hidden || item.closest("section") !== section);
    }
    announceCount(items.filter((item) => !item.hidden), items.length, what);
  };
  bind(form, update);
  update();
}

/** Tell whether each word that is asked for stands in an item, or in the heading that it stands under. */
function matches(section: Element, item: Element, state: State): boolean {
  const text = fold(`${section.querySelector("h2, h3")?.textContent ?? ""} ${item.textContent}`);
  return fold(one(state, "q") ?? "").split(/\s+/).every((word) => text.includes(word));
}
