/** Drawings of all models: one family, or one model with all that it descends from, stands out from the rest. */

import { models } from "./data";
import { all, byId } from "./dom";
import { bind, one, said } from "./state";

const FADED = "faded";

/** Bind the choice of a family, and what the pointer or the focus stands on, to the page's drawing. */
export function mountFigures(): void {
  const figure = document.querySelector(".figure svg");
  const form = byId("highlight", HTMLFormElement);
  if (!(figure instanceof SVGSVGElement)) return;
  const nodes = all("a[href]", SVGAElement, figure).map((link) => ({ link, slug: slugOf(link) }));
  if (nodes.length < 2) return;
  const edges = all("[data-parent][data-child]", SVGElement, figure);
  const parents = new Map(models().map((model) => [model.slug, model.parents]));
  const families = new Map(models().map((model) => [model.slug, model.family]));

  const light = (lit: (slug: string) => boolean): void => {
    for (const { link, slug } of nodes) link.classList.toggle(FADED, !lit(slug));
    for (const edge of edges) {
      const children = (edge.dataset["child"] ?? "").split(" "); // edges to several share a trunk
      edge.classList.toggle(FADED, !(lit(edge.dataset["parent"] ?? "") && children.some(lit)));
    }
  };
  const rest = (): void => {
    const family = form && one(said(form), "family");
    light((slug) => !family || families.get(slug) === family);
  };
  const enter = (event: Event): void => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const slug = link instanceof SVGAElement ? slugOf(link) : "";
    if (!slug) return;
    const line = ancestors(slug, parents);
    light((other) => line.has(other));
  };
  for (const [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]] as const) {
    figure.addEventListener(begin, enter);
    figure.addEventListener(end, rest);
  }
  if (form) bind(form, rest);
  rest();
}

function slugOf(link: SVGAElement): string {
  return /([^/]+)\.html$/.exec(link.href.baseVal)?.[1] ?? "";
}

/** Return a model and all that it descends from. */
function ancestors(slug: string, parents: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const line = new Set([slug]);
  for (const one of line) parents.get(one)?.forEach((parent) => line.add(parent)); // a set grows while it is walked
  return line;
}
