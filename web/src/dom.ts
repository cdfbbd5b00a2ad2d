/** Making and finding elements. Whatever comes from the data reaches the page as text, through here. */

export type Child = Node | string | number | null | false;
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** Return a new element. `true` writes an attribute without a value; `false` and `null` leave one out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false).map(asNode));
  return element;
}

function asNode(child: Exclude<Child, null | false>): Node {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/** Put these children in place of what an element holds. */
export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child) => child !== null && child !== false).map(asNode));
}

/** Return the element of an id, if the page has one of this kind. */
export function byId<E extends Element>(id: string, kind: new () => E): E | null {
  const element = document.getElementById(id);
  return element instanceof kind ? element : null;
}

/** Return all elements of a kind that a selector finds. */
export function all<E extends Element>(selector: string, kind: new () => E, within: ParentNode = document): E[] {
  return [...within.querySelectorAll(selector)].filter((element): element is E => element instanceof kind);
}

/** Have a screen reader say a sentence, and the page show it. */
export function announce(sentence: string, id = "announce"): void {
  const place = document.getElementById(id);
  if (place && place.textContent !== sentence) place.textContent = sentence;
}

/** Show what is wrong, in the page's own place for it; nothing hides it. */
export function refuse(problems: readonly string[]): void {
  const place = document.querySelector(".problem");
  if (!(place instanceof HTMLElement)) return;
  place.hidden = problems.length === 0;
  fill(place, problems.join(" "));
}

let counter = 0;

/** Return an id that nothing else on the page has. */
export function freshId(prefix: string): string {
  counter += 1;
  return `${prefix}-${counter}`;
}
