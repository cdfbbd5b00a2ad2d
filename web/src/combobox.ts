/** A text field that offers models as one types: the keyboard alone suffices, and a screen reader hears the choice. */

import { models, type Model } from "./data";
import { fill, freshId, make } from "./dom";
import { rank, RANKS, sorted } from "./filter";

const MOST = 40; // options; whoever wants the rest types a letter more

interface Option {
  readonly value: string;
  readonly name: string;
}

/** Turn a field into a combobox of models with their sizes. It tells its form by `input` when one is chosen. */
export function combobox(input: HTMLInputElement): void {
  new Combobox(input);
}

class Combobox {
  private readonly list = make("ul", { role: "listbox", class: "listbox", id: freshId("models"), hidden: true });
  private active = -1;

  constructor(private readonly input: HTMLInputElement) {
    const label = input.labels?.[0]?.textContent.trim() || input.getAttribute("aria-label") || "Models";
    this.list.setAttribute("aria-label", label);
    const attributes = {
      role: "combobox", autocomplete: "off", spellcheck: "false", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": this.list.id,
    }; // prettier-ignore
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
    input.removeAttribute("list");
    (input.closest(".combobox") ?? input.parentElement)?.append(this.list);
    input.addEventListener("input", (event) => event.isTrusted && this.open());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    this.list.addEventListener("click", (event) => this.clicked(event.target));
  }

  private open(): void {
    const options = offered(this.input.value);
    this.active = -1;
    fill(this.list, ...options.map((option, index) => this.item(option, index)));
    this.show(options.length > 0);
  }

  private item({ value, name }: Option, index: number): HTMLLIElement {
    const item = make("li", { role: "option", class: "option", id: `${this.list.id}-${index}`, "aria-selected": "false" });
    item.dataset["value"] = value;
    item.append(make("span", {}, name), " ", make("code", {}, value));
    return item;
  }

  private show(open: boolean): void {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (!open) this.input.removeAttribute("aria-activedescendant");
  }

  private close(): void {
    this.active = -1;
    this.show(false);
  }

  private key(event: KeyboardEvent): void {
    const open = !this.list.hidden;
    const count = this.list.children.length;
    if (event.key === "ArrowDown" && !open) this.open();
    else if (event.key === "ArrowDown") this.move((this.active + 1) % count);
    else if (event.key === "ArrowUp" && open) this.move((Math.max(this.active, 0) + count - 1) % count);
    else if (event.key === "Escape" && open) this.close();
    else if (event.key === "Enter" && open && this.active >= 0) this.choose(this.list.children[this.active]);
    else return;
    event.preventDefault();
  }

  private move(to: number): void {
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = to;
    const item = this.list.children[to];
    if (!item) return;
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", item.id);
  }

  private clicked(target: EventTarget | null): void {
    if (target instanceof Element) this.choose(target.closest("[role=option]"));
  }

  private choose(item: Element | null | undefined): void {
    if (!(item instanceof HTMLElement)) return;
    this.input.value = item.dataset["value"] ?? "";
    this.close();
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

/** Return what to offer for a text: models with each of their sizes, those that are called so first. */
function offered(text: string): Option[] {
  const [words = "", size] = text.trim().split(":");
  const named = words ? models().filter((model) => (rank(model, words) ?? Infinity) <= RANKS.within) : models();
  const options = sorted(named, words ? "" : "name", words).flatMap((model) => optionsOf(model));
  return options.filter((option) => !size || option.value.split(":")[1]?.startsWith(size)).slice(0, MOST);
}

function optionsOf(model: Model): Option[] {
  return model.sizes.map((size) => ({ value: `${model.slug}:${size}`, name: model.name }));
}
