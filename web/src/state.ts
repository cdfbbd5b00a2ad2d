/** What a page's controls say, kept in its address: a link shows the same page to whoever follows it. */

export type State = ReadonlyMap<string, readonly string[]>;
/** Parameters whose values are keys of ours, and read better as one list: `columns=name,published`. */
const LISTED: ReadonlySet<string> = new Set(["columns"]);

type Control = HTMLInputElement | HTMLSelectElement;

/** Return what the address says. */
export function readState(search: string = location.search): State {
  const state = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(search)) {
    state.set(name, [...(state.get(name) ?? []), ...(LISTED.has(name) ? value.split(",") : [value])]);
  }
  return state;
}

/** Return the query of a state, in the order of its names. */
export function written(state: State): string {
  const parameters = new URLSearchParams();
  for (const [name, values] of state) {
    for (const value of LISTED.has(name) ? [values.join(",")] : values) parameters.append(name, value);
  }
  // A colon and a comma mean nothing in a query, and `bert:base` reads better than `bert%3Abase`.
  const query = parameters.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return query && `?${query}`;
}

/** Have the address say a state, without a step in the history; the page is not fetched again. */
export function writeState(state: State): void {
  const query = written(state);
  if (query !== location.search) history.replaceState(history.state, "", (query || location.pathname) + location.hash);
}

/** Return the first value of a name. */
export function one(state: State, name: string): string | null {
  return state.get(name)?.[0] ?? null;
}

/** Return a form's controls by name, in their order. */
function controls(form: HTMLFormElement): Map<string, Control[]> {
  const named = new Map<string, Control[]>();
  for (const element of form.elements) {
    const is = element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
    if (is && element.name) named.set(element.name, [...(named.get(element.name) ?? []), element]);
  }
  return named;
}

const TICKED: ReadonlySet<string> = new Set(["checkbox", "radio"]);

/** Have a form say what a state says; controls that it does not name keep their defaults. */
export function restore(form: HTMLFormElement, state: State): void {
  for (const [name, group] of controls(form)) {
    const values = state.get(name);
    if (!values) continue;
    for (const control of group) {
      if (control instanceof HTMLInputElement) {
        if (TICKED.has(control.type)) control.checked = values.includes(control.value);
        else control.value = values[0] ?? "";
        continue;
      }
      if ([...control.options].some((option) => option.value === values[0])) control.value = values[0] ?? "";
    }
  }
}

/** Return what a form says, all of it. */
export function said(form: HTMLFormElement): State {
  return valuesOf(form, (box) => box.checked, (control) => control.value);
}

/** Return what a form says beyond its defaults. A group of boxes that all were cleared says so by an empty value. */
export function beyondDefaults(form: HTMLFormElement): State {
  const now = said(form);
  const usual = valuesOf(form, (box) => box.defaultChecked, usualValue);
  const kept = new Map<string, readonly string[]>();
  for (const name of controls(form).keys()) {
    const values = now.get(name) ?? [];
    const before = usual.get(name) ?? [];
    if (values.join("\n") !== before.join("\n")) kept.set(name, values.length ? values : [""]);
  }
  return kept;
}

function usualValue(control: Control): string {
  if (control instanceof HTMLInputElement) return TICKED.has(control.type) ? control.value : control.defaultValue;
  const chosen = [...control.options].find((option) => option.defaultSelected) ?? control.options[0];
  return chosen?.value ?? "";
}

function valuesOf(form: HTMLFormElement, on: (box: HTMLInputElement) => boolean, value: (one: Control) => string): State {
  const state = new Map<string, readonly string[]>();
  const counts = (control: Control): boolean => !(control instanceof HTMLInputElement && TICKED.has(control.type)) || on(control);
  for (const [name, group] of controls(form)) {
    const values = group.filter(counts).map(value);
    if (values.length) state.set(name, values);
  }
  return state;
}

/**
 * Bind a form to the address: restore it now, and at each change write the address and tell `changed`.
 *
 * What the form has no control for (models chosen elsewhere on the page) is given by `besides` and follows it.
 */
export function bind(form: HTMLFormElement, changed: () => void, besides: () => State = () => new Map()): () => void {
  restore(form, readState());
  const update = (): void => {
    writeState(new Map([...besides(), ...beyondDefaults(form)]));
    changed();
  };
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    update();
  });
  form.addEventListener("reset", () => setTimeout(update)); // the controls are reset after the event
  return update;
}
