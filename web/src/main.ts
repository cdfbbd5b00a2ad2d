/** The script of the atlas: each page finds here what it needs, and works without it. */

import { mountCompare } from "./compare";
import { mountCopies } from "./copy";
import { combobox } from "./combobox";
import { choose, shared } from "./data";
import { all, byId } from "./dom";
import { mountFigures } from "./figures";
import { mountFits } from "./fits";
import { evaluate } from "./formula";
import { mountLists } from "./lists";
import { lineBytes } from "./plan";
import { mountSearch } from "./search";
import { mountSizing } from "./sizing";
import { mountTable } from "./table";
import * as variations from "./variation";
import { mountWhatIf } from "./whatif";

/** Show what the page hides from those without a script. */
function reveal(): void {
  for (const element of all("[data-needs-script]", HTMLElement)) element.hidden = false;
}

function mount(): void {
  reveal();
  mountSearch();
  mountTable();
  mountSizing();
  mountCompare();
  mountFits();
  mountWhatIf();
  mountFigures();
  mountLists();
  mountCopies();
  const beside = byId("compare-with", HTMLFormElement)?.querySelector("input[list]");
  if (beside instanceof HTMLInputElement) combobox(beside);
  // What the tests ask for, and whoever opens the console: the page's own reckoning.
  Object.assign(shared(), { ready: true, choose, evaluate, lineBytes, variations });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
else mount();
