/** Buttons that copy a text of the page: a reference, a command. */

import { all, make } from "./dom";

/** Bind every button that says whose text it copies. */
export function mountCopies(): void {
  for (const button of all("button[data-copies]", HTMLButtonElement)) {
    const status = statusOf(button);
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset["copies"] ?? "");
      const done = source !== null && (await copied(source));
      status.textContent = ""; // said again where it was said before
      setTimeout(() => (status.textContent = done ? "copied" : "select the text and copy it: the browser refuses to"));
    });
  }
}

function statusOf(button: HTMLButtonElement): Element {
  const next = button.nextElementSibling;
  if (next?.getAttribute("role") === "status") return next;
  const made = make("span", { role: "status", class: "copied" });
  button.after(made);
  return made;
}

/** Copy an element's text; a page opened as a file may have no clipboard, and is then asked the old way. */
async function copied(source: Element): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    return selectedCopy(source);
  }
}

function selectedCopy(source: Element): boolean {
  const selection = getSelection();
  const focused = document.activeElement;
  selection?.selectAllChildren(source);
  const done = document.execCommand("copy");
  if (done) selection?.removeAllRanges();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
