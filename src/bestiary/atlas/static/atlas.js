/* Built by `make web` from web/, sha256 46bed012b9e429852bef0950b38def6350cade47fc1eda634b6fdecd1f24ff78: edit there. */
"use strict";
(() => {
  var __defProp = Object.defineProperty;
  var __export = (target, all2) => {
    for (var name in all2)
      __defProp(target, name, { get: all2[name], enumerable: !0 });
  };

  // src/align.ts
  function merged(lists) {
    let order = [];
    for (let list of lists) {
      let place = 0;
      for (let key of list) {
        let known2 = order.indexOf(key);
        known2 < 0 && order.splice(place, 0, key), place = (known2 < 0 ? place : known2) + 1;
      }
    }
    return order;
  }
  function aligned(lists, same = (a, b) => a === b) {
    let tables = lists.map((list) => new Map(list));
    return merged(lists.map((list) => list.map(([key]) => key))).map((key) => {
      let values2 = tables.map((table2) => table2.get(key) ?? null), [first = null] = values2, differs = values2.some((value2) => value2 === null || first === null ? value2 !== first : !same(value2, first));
      return { key, values: values2, differs };
    });
  }
  function attributed(parts) {
    return aligned(parts).map(({ key, values: values2 }) => {
      let counts = values2.map((value2) => value2 ?? 0);
      return { path: key, counts, gains: counts.map((count) => count - (counts[0] ?? 0)) };
    });
  }

  // src/data.ts
  function shared() {
    return globalThis.bestiary ??= {};
  }
  function models() {
    return shared().models ?? [];
  }
  function root() {
    return document.documentElement.dataset.root ?? "";
  }
  function pageOf(slug) {
    return `${root()}models/${encodeURIComponent(slug)}.html`;
  }
  var underway = /* @__PURE__ */ new Map();
  function entry(slug) {
    let known2 = underway.get(slug) ?? add(slug);
    return underway.set(slug, known2), known2;
  }
  async function add(slug) {
    let here = shared().entries?.[slug];
    if (here) return here;
    if (!models().some((model) => model.slug === slug)) throw new Error(`The atlas has no model “${slug}”.`);
    return arrived(`entries/${encodeURIComponent(slug)}`, slug, () => shared().entries?.[slug]);
  }
  var asked = /* @__PURE__ */ new Map();
  function plansOf(task) {
    let here = shared().plans?.[task], known2 = asked.get(task) ?? (here ? Promise.resolve(here) : arrived(`plans/${encodeURIComponent(task)}`, task, () => shared().plans?.[task]));
    return asked.set(task, known2), known2;
  }
  async function arrived(path, what, find) {
    let missing = new Error(`The data of ${what} did not arrive; is the site complete?`), script = document.createElement("script");
    script.src = `${root()}data/${path}.js`, await new Promise((done, failed) => {
      script.addEventListener("load", () => done()), script.addEventListener("error", () => failed(missing)), document.head.append(script);
    });
    let found = find();
    if (found === void 0) throw missing;
    return found;
  }
  async function choose(name) {
    let [slug = "", wanted] = known(name).split(":"), found = await entry(slug), size = wanted ?? found.default, there = found.sizes[size];
    if (there) return { entry: found, size: there, name: `${slug}:${size}` };
    let sizes = Object.keys(found.sizes);
    throw sizes.length ? new Error(`${found.name} has no size “${size}”; it has ${sizes.join(", ")}.`) : new Error(`The architecture of ${found.name} is undisclosed: it has no size to compute with.`);
  }
  function known(name) {
    let [model = "", size] = name.trim().split(":"), wanted = plain(model), slug = models().find((one2) => [one2.slug, one2.name, ...one2.aliases].some((said2) => plain(said2) === wanted))?.slug ?? model;
    return size ? `${slug}:${size.trim()}` : slug;
  }
  function plain(name) {
    return fold(name).replace(/[\s\-_.]/g, "");
  }
  function fold(text) {
    return text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
  }

  // src/dom.ts
  function make(tag, attributes = {}, ...children) {
    let element = document.createElement(tag);
    for (let [name, value2] of Object.entries(attributes))
      value2 === null || value2 === !1 || element.setAttribute(name, value2 === !0 ? "" : String(value2));
    return element.append(...children.filter((child) => child !== null && child !== !1).map(asNode)), element;
  }
  function asNode(child) {
    return child instanceof Node ? child : document.createTextNode(String(child));
  }
  function fill(element, ...children) {
    element.replaceChildren(...children.filter((child) => child !== null && child !== !1).map(asNode));
  }
  function byId(id, kind) {
    let element = document.getElementById(id);
    return element instanceof kind ? element : null;
  }
  function all(selector, kind, within = document) {
    return [...within.querySelectorAll(selector)].filter((element) => element instanceof kind);
  }
  function announce(sentence2, id = "announce") {
    let place = document.getElementById(id);
    place && place.textContent !== sentence2 && (place.textContent = sentence2);
  }
  function refuse(problems) {
    let place = document.querySelector(".problem");
    place instanceof HTMLElement && (place.hidden = problems.length === 0, fill(place, problems.join(" ")));
  }
  var counter = 0;
  function freshId(prefix) {
    return counter += 1, `${prefix}-${counter}`;
  }

  // src/state.ts
  var LISTED = /* @__PURE__ */ new Set(["columns"]);
  function readState(search = location.search) {
    let state2 = /* @__PURE__ */ new Map();
    for (let [name, value2] of new URLSearchParams(search))
      state2.set(name, [...state2.get(name) ?? [], ...LISTED.has(name) ? value2.split(",") : [value2]]);
    return state2;
  }
  function written(state2) {
    let parameters2 = new URLSearchParams();
    for (let [name, values2] of state2)
      for (let value2 of LISTED.has(name) ? [values2.join(",")] : values2) parameters2.append(name, value2);
    let query = parameters2.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
    return query && `?${query}`;
  }
  function writeState(state2) {
    let query = written(state2);
    query !== location.search && history.replaceState(history.state, "", (query || location.pathname) + location.hash);
  }
  function one(state2, name) {
    return state2.get(name)?.[0] ?? null;
  }
  function controls(form) {
    let named = /* @__PURE__ */ new Map();
    for (let element of form.elements)
      (element instanceof HTMLInputElement || element instanceof HTMLSelectElement) && element.name && named.set(element.name, [...named.get(element.name) ?? [], element]);
    return named;
  }
  var TICKED = /* @__PURE__ */ new Set(["checkbox", "radio"]);
  function restore(form, state2) {
    for (let [name, group] of controls(form)) {
      let values2 = state2.get(name);
      if (values2)
        for (let control of group) {
          if (control instanceof HTMLInputElement) {
            TICKED.has(control.type) ? control.checked = values2.includes(control.value) : control.value = values2[0] ?? "";
            continue;
          }
          [...control.options].some((option) => option.value === values2[0]) && (control.value = values2[0] ?? "");
        }
    }
  }
  function said(form) {
    return valuesOf(form, (box) => box.checked, (control) => control.value);
  }
  function beyondDefaults(form) {
    let now = said(form), usual2 = valuesOf(form, (box) => box.defaultChecked, usualValue), kept = /* @__PURE__ */ new Map();
    for (let name of controls(form).keys()) {
      let values2 = now.get(name) ?? [], before = usual2.get(name) ?? [];
      values2.join(`
`) !== before.join(`
`) && kept.set(name, values2.length ? values2 : [""]);
    }
    return kept;
  }
  function usualValue(control) {
    return control instanceof HTMLInputElement ? TICKED.has(control.type) ? control.value : control.defaultValue : ([...control.options].find((option) => option.defaultSelected) ?? control.options[0])?.value ?? "";
  }
  function valuesOf(form, on, value2) {
    let state2 = /* @__PURE__ */ new Map(), counts = (control) => !(control instanceof HTMLInputElement && TICKED.has(control.type)) || on(control);
    for (let [name, group] of controls(form)) {
      let values2 = group.filter(counts).map(value2);
      values2.length && state2.set(name, values2);
    }
    return state2;
  }
  function bind(form, changed, besides2 = () => /* @__PURE__ */ new Map()) {
    restore(form, readState());
    let update = () => {
      writeState(new Map([...besides2(), ...beyondDefaults(form)])), changed();
    };
    return form.addEventListener("input", update), form.addEventListener("submit", (event) => {
      event.preventDefault(), update();
    }), form.addEventListener("reset", () => setTimeout(update)), update;
  }

  // src/filter.ts
  var FACETS = {
    family: (model) => [model.family],
    form: (model) => [model.form],
    modality: (model) => model.modality,
    lab: (model) => model.labs,
    license: (model) => [model.license],
    objective: (model) => model.objectives,
    task: (model) => model.tasks,
    access: (model) => [model.access],
    commercial: (model) => [model.commercial],
    runnable: (model) => [model.runnable ? "yes" : "no"]
  }, RANGES = {
    since: (value2) => isDate(value2) ? (model) => model.published.slice(0, value2.length) >= value2 : badDate(value2),
    until: (value2) => isDate(value2) ? (model) => model.published.slice(0, value2.length) <= value2 : badDate(value2),
    params: parameters
  }, isDate = (value2) => /^\d{4}(-\d\d(-\d\d)?)?$/.test(value2), badDate = (value2) => `“${value2}” is no date; write 2019, 2019-07 or 2019-07-26.`, SCALES = { "": 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 }, FIGURE = /^(\d[\d,]*)(\.\d+)?\s*([KMBT]?)$/i;
  function parameters(value2) {
    let span = spanOf(value2);
    if (!span) return `“${value2}” is no range; write :400M, 1B:, 7B:13B, or 7B for what rounds to it.`;
    let [least2, most] = span, inside = (count) => count !== null && least2 <= count && count <= most;
    return (model) => (model.counts ?? [[model.parameters, null]]).some(([total2, stated]) => inside(total2) || inside(stated));
  }
  function spanOf(value2) {
    let ends = value2.split(":").map((end) => end.trim()), [first = "", last = ""] = ends;
    if (ends.length === 1) return roundedTo(first);
    let [least2, most] = [first ? figure(first) : 0, last ? figure(last) : 1 / 0];
    return ends.length > 2 || !(first || last) || least2 === null || most === null || least2 > most ? null : [least2, most];
  }
  function figure(text) {
    let match = FIGURE.exec(text);
    if (!match) return null;
    let digits = +`${match[1]?.replaceAll(",", "")}${match[2] ?? ""}`;
    return Math.round(digits * (SCALES[(match[3] ?? "").toUpperCase()] ?? 1));
  }
  function roundedTo(text) {
    let value2 = figure(text), [, whole = "", decimals = "", unit = ""] = FIGURE.exec(text) ?? [];
    if (value2 === null || !unit) return value2 === null ? null : [value2, value2];
    let half = (decimals ? 10 ** -(decimals.length - 1) : 10 ** (/0*$/.exec(whole)?.[0].length ?? 0)) * (SCALES[unit.toUpperCase()] ?? 1) / 2;
    return [value2 - half, value2 + half];
  }
  function read(state2) {
    let tests = /* @__PURE__ */ new Map(), problems = /* @__PURE__ */ new Map();
    for (let [facet, says] of Object.entries(FACETS)) {
      let wanted = new Set((state2.get(facet) ?? []).filter(Boolean));
      wanted.size && tests.set(facet, (model) => says(model).some((value2) => wanted.has(value2)));
    }
    for (let [name, make2] of Object.entries(RANGES)) {
      let value2 = one(state2, name)?.trim(), test = value2 ? make2(value2) : void 0;
      typeof test == "string" ? problems.set(name, test) : test && tests.set(name, test);
    }
    let words = (one(state2, "q") ?? "").trim();
    return words && tests.set("q", (model) => rank(model, words) !== null), { tests, problems };
  }
  function passing(all2, { tests }, but = null) {
    return all2.filter((model) => [...tests].every(([name, test]) => name === but || test(model)));
  }
  function tallies(all2, reading, facet) {
    let counts = /* @__PURE__ */ new Map(), says = FACETS[facet];
    if (!says) return counts;
    for (let model of passing(all2, reading, facet))
      for (let value2 of new Set(says(model))) counts.set(value2, (counts.get(value2) ?? 0) + 1);
    return counts;
  }
  var RANKS = { called: 0, begins: 1, name: 2, alias: 3, within: 4, kin: 5, summary: 6 };
  function rank(model, words) {
    let names = [model.slug, model.name, ...model.aliases], asked2 = plain(words);
    if (names.some((name) => plain(name) === asked2)) return RANKS.called;
    if (plain(model.name).startsWith(asked2)) return RANKS.begins;
    let wanted = fold(words).split(/\s+/).filter(Boolean), begun = (texts) => {
      let starts = texts.flatMap((text2) => [plain(text2), ...fold(text2).split(/[^\p{L}\p{N}.]+/u)]);
      return wanted.every((word) => starts.some((start) => start.startsWith(word)));
    };
    if (begun([model.slug, model.name])) return RANKS.name;
    if (begun(names)) return RANKS.alias;
    let layers = [[...names, ...names.map(plain)], [model.family, ...labNames(model)], [model.summary]], text = "";
    for (let [index, layer] of layers.entries())
      if (text += ` ${fold(layer.join(" "))}`, wanted.every((word) => text.includes(word))) return RANKS.within + index;
    return null;
  }
  function labNames(model) {
    let names = globalThis.bestiary?.words?.labs ?? {};
    return model.labs.flatMap((lab) => [lab, names[lab] ?? ""]);
  }
  function sorted(found, key, words = "") {
    let down = key.startsWith("-"), column = key.replace(/^-/, ""), compared = (a, b) => {
      let [first, second] = [sortable(a[column]), sortable(b[column])];
      return first === null || second === null ? +(first === null) - +(second === null) : compare(first, second) * (down ? -1 : 1);
    }, byName = (a, b) => compare(fold(a.name), fold(b.name));
    return column ? [...found].sort((a, b) => compared(a, b) || byName(a, b)) : [...found].sort((a, b) => (rank(a, words) ?? 1 / 0) - (rank(b, words) ?? 1 / 0) || byName(a, b));
  }
  function sortable(value2) {
    return value2 == null || value2 === "" ? null : typeof value2 == "number" ? value2 : fold(Array.isArray(value2) ? value2.join(", ") : String(value2)) || null;
  }
  function compare(a, b) {
    return typeof a == "number" && typeof b == "number" ? a - b : typeof a == "number" ? -1 : typeof b == "number" ? 1 : a < b ? -1 : a > b ? 1 : 0;
  }

  // src/combobox.ts
  var MOST = 40;
  function combobox(input) {
    new Combobox(input);
  }
  var Combobox = class {
    constructor(input) {
      this.input = input;
      let label = input.labels?.[0]?.textContent.trim() || input.getAttribute("aria-label") || "Models";
      this.list.setAttribute("aria-label", label);
      let attributes = {
        role: "combobox",
        autocomplete: "off",
        spellcheck: "false",
        "aria-autocomplete": "list",
        "aria-expanded": "false",
        "aria-controls": this.list.id
      };
      for (let [name, value2] of Object.entries(attributes)) input.setAttribute(name, value2);
      input.removeAttribute("list"), (input.closest(".combobox") ?? input.parentElement)?.append(this.list), input.addEventListener("input", (event) => event.isTrusted && this.open()), input.addEventListener("keydown", (event) => this.key(event)), input.addEventListener("blur", () => this.close()), this.list.addEventListener("pointerdown", (event) => event.preventDefault()), this.list.addEventListener("click", (event) => this.clicked(event.target));
    }
    input;
    list = make("ul", { role: "listbox", class: "listbox", id: freshId("models"), hidden: !0 });
    active = -1;
    open() {
      let options = offered(this.input.value);
      this.active = -1, fill(this.list, ...options.map((option, index) => this.item(option, index))), this.show(options.length > 0);
    }
    item({ value: value2, name }, index) {
      let item = make("li", { role: "option", class: "option", id: `${this.list.id}-${index}`, "aria-selected": "false" });
      return item.dataset.value = value2, item.append(make("span", {}, name), " ", make("code", {}, value2)), item;
    }
    show(open) {
      this.list.hidden = !open, this.input.setAttribute("aria-expanded", String(open)), open || this.input.removeAttribute("aria-activedescendant");
    }
    close() {
      this.active = -1, this.show(!1);
    }
    key(event) {
      let open = !this.list.hidden, count = this.list.children.length;
      if (event.key === "ArrowDown" && !open) this.open();
      else if (event.key === "ArrowDown") this.move((this.active + 1) % count);
      else if (event.key === "ArrowUp" && open) this.move((Math.max(this.active, 0) + count - 1) % count);
      else if (event.key === "Escape" && open) this.close();
      else if (event.key === "Enter" && open && this.active >= 0) this.choose(this.list.children[this.active]);
      else return;
      event.preventDefault();
    }
    move(to) {
      this.list.children[this.active]?.setAttribute("aria-selected", "false"), this.active = to;
      let item = this.list.children[to];
      item && (item.setAttribute("aria-selected", "true"), item.scrollIntoView({ block: "nearest" }), this.input.setAttribute("aria-activedescendant", item.id));
    }
    clicked(target) {
      target instanceof Element && this.choose(target.closest("[role=option]"));
    }
    choose(item) {
      item instanceof HTMLElement && (this.input.value = item.dataset.value ?? "", this.close(), this.input.dispatchEvent(new Event("change", { bubbles: !0 })));
    }
  };
  function offered(text) {
    let [words = "", size] = text.trim().split(":"), named = words ? models().filter((model) => (rank(model, words) ?? 1 / 0) <= RANKS.within) : models();
    return sorted(named, words ? "" : "name", words).flatMap((model) => optionsOf(model)).filter((option) => !size || option.value.split(":")[1]?.startsWith(size)).slice(0, MOST);
  }
  function optionsOf(model) {
    return model.sizes.map((size) => ({ value: `${model.slug}:${size}`, name: model.name }));
  }

  // src/numbers.ts
  var GROUPS = /\B(?=(\d{3})+(?!\d))/g;
  function commas(value2) {
    return String(value2).replace(GROUPS, ",");
  }
  function signed(value2) {
    return value2 === 0 || value2 === 0n ? "0" : value2 > 0 ? `+${commas(value2)}` : `−${commas(-value2)}`;
  }
  function threeFigures(value2) {
    let digits = value2 < 10 ? 2 : value2 < 100 ? 1 : 0;
    return value2.toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
  }
  var UNITS = [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"]
  ];
  function bytes(value2) {
    let size = Number(value2);
    if (size < 0) return `−${bytes(-size)}`;
    for (let [scale, unit] of UNITS) if (size >= scale) return `${threeFigures(size / scale)} ${unit}`;
    return `${size} B`;
  }
  var WRITTEN = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b(?:ytes)?)?\s*$/i, POWERS = "kmgt";
  function readBytes(text) {
    let match = WRITTEN.exec(text);
    if (!match) return null;
    let power = POWERS.indexOf((match[2] ?? "").toLowerCase() || " ") + 1;
    return Math.floor(Number(match[1]) * (match[3] ? 1024 : 1e3) ** power);
  }
  function readCount(text) {
    let match = /^\s*(\d+)\s*(k?)\s*$/i.exec(text);
    return match ? Number(match[1]) * (match[2] ? 1024 : 1) : null;
  }

  // src/rows.ts
  function table(caption, columns3, rows, foot = []) {
    let head = make("tr", {}, ...columns3.map(({ title, number }) => make("th", { scope: "col", class: number ? "number" : null }, title))), made = make("table", { class: "data" }, make("caption", {}, caption), make("thead", {}, head));
    return made.append(make("tbody", {}, ...rows.map((row2) => line(row2, columns3)))), foot.length && made.append(make("tfoot", {}, ...foot.map((row2) => line(row2, columns3)))), made;
  }
  function line(row2, columns3) {
    let cells2 = row2.cells.map((cell2, index) => {
      let look = columns3[index]?.number ? "number" : null;
      return index ? make("td", { class: look }, cell2) : make("th", { scope: "row", class: look }, cell2);
    });
    return make("tr", { class: row2.class ?? null }, ...cells2);
  }
  function scroller(label, ...children) {
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, ...children);
  }
  function fillSection(section, ...children) {
    if (!section) return;
    let heading = section.querySelector("h2, h3");
    fill(section, heading, ...children), section.hidden = !children.some(Boolean);
  }

  // src/compare.ts
  function mountCompare() {
    let form = byId("compare", HTMLFormElement);
    if (!form) return;
    let inputs = all("input[name=m]", HTMLInputElement, form), asked2 = readState().get("m") ?? [];
    inputs.forEach((input, index) => input.value = asked2[index] ?? ""), inputs.forEach(combobox);
    let update = () => {
      let names = inputs.map((input) => input.value.trim()).filter(Boolean);
      writeState(names.length ? /* @__PURE__ */ new Map([["m", names]]) : /* @__PURE__ */ new Map()), show(names);
    };
    form.addEventListener("change", update), form.addEventListener("submit", (event) => {
      event.preventDefault(), update();
    }), update();
  }
  var latest = 0;
  async function show(names) {
    let turn = ++latest, answers = await Promise.allSettled(names.map(choose));
    if (turn !== latest) return;
    let chosen = answers.flatMap((answer2) => answer2.status === "fulfilled" ? [answer2.value] : []), problems = answers.flatMap((answer2) => answer2.status === "rejected" ? [String(answer2.reason.message)] : []);
    chosen.length === 1 && !problems.length && problems.push("Choose a second model to compare with."), refuse(problems);
    let enough = chosen.length > 1, none = byId("compare-none", HTMLElement);
    none && (none.hidden = enough);
    let comparison = byId("comparison", HTMLElement);
    comparison && (comparison.hidden = !enough);
    let sections = ["compare-facts", "compare-spec", "compare-parts"].map((id) => byId(id, HTMLElement)), [facts, spec, parts] = enough ? [factTables(chosen), specTables(chosen), partTable(chosen)] : [[], [], []];
    [facts, spec, parts].forEach((children, index) => fillSection(sections[index] ?? null, ...children));
  }
  var titles = (chosen) => chosen.map(({ entry: entry2, name }) => ({ title: `${entry2.name} (${name})` }));
  function factTables(chosen) {
    let rows = aligned(chosen.map(({ entry: entry2 }) => entry2.facts.map(([key, title, text]) => [key, { title, text }])), (a, b) => a.text === b.text), columns3 = [{ title: "Fact" }, ...titles(chosen)], shown = ({ values: values2, key, differs }) => ({
      cells: [values2.find((value2) => value2)?.title ?? key, ...values2.map((value2) => value2?.text ?? "—")],
      ...differs ? { class: "differs" } : {}
    }), links = make("p", {}, "Each fact with its source: ", ...chosen.flatMap(linkOf));
    return [...differingFirst("facts", columns3, rows, shown), links];
  }
  function linkOf({ entry: entry2 }, index) {
    return [index ? ", " : null, make("a", { href: pageOf(entry2.slug) }, entry2.name)];
  }
  function specTables(chosen) {
    let rows = aligned(chosen.map(({ size }) => size.spec)), columns3 = [{ title: "Where in the architecture" }, ...titles(chosen)];
    return differingFirst("choices of the architecture", columns3, rows, ({ key, values: values2, differs }) => ({
      cells: [make("code", {}, key), ...values2.map((value2) => value2 ?? "—")],
      ...differs ? { class: "differs" } : {}
    }));
  }
  function differingFirst(what, columns3, rows, shown) {
    let [differing, equal] = [rows.filter((row2) => row2.differs), rows.filter((row2) => !row2.differs)], children = [];
    if (differing.length ? children.push(scroller(`Differing ${what}`, table(`${differing.length} ${what} differ`, columns3, differing.map(shown)))) : children.push(make("p", {}, `All ${rows.length} ${what} are the same.`)), equal.length && differing.length) {
      let summary = make("summary", {}, `${equal.length} ${what} are the same`);
      children.push(make("details", {}, summary, scroller(`Equal ${what}`, table(`${what} that are the same`, columns3, equal.map(shown)))));
    }
    return children;
  }
  function partTable(chosen) {
    let rows = attributed(chosen.map(({ size }) => size.parts)), [first, ...others] = chosen;
    if (!first) return [];
    let columns3 = [
      { title: "Part" },
      ...chosen.map(({ name }) => ({ title: name, number: !0 })),
      ...others.map(({ name }) => ({ title: `${name} − ${first.name}`, number: !0 }))
    ], shown = (label, counts, gains, differs) => ({
      cells: [label, ...counts.map(commas), ...gains.slice(1).map(signed)],
      ...differs ? { class: "differs" } : {}
    }), body = rows.map(({ path, counts, gains }) => shown(make("code", {}, path), counts, gains, gains.some(Boolean))), sums = chosen.map(({ size }) => size.count.total), foot = shown("All parameters", sums, sums.map((sum2) => sum2 - (sums[0] ?? 0)), !1);
    return [sentence(first, others), scroller("Parameters by part", table("Parameters by part", columns3, body, [foot]))];
  }
  function sentence(first, others) {
    let said2 = others.map(({ name, size }) => {
      let gain = size.count.total - first.size.count.total;
      return gain ? `${name} has ${commas(Math.abs(gain))} parameters ${gain > 0 ? "more" : "fewer"} than ${first.name}.` : `${name} has as many parameters as ${first.name}.`;
    });
    return make("p", {}, said2.join(" "));
  }

  // src/copy.ts
  function mountCopies() {
    for (let button of all("button[data-copies]", HTMLButtonElement)) {
      let status = statusOf(button);
      button.addEventListener("click", async () => {
        let source = document.getElementById(button.dataset.copies ?? ""), done = source !== null && await copied(source);
        status.textContent = "", setTimeout(() => status.textContent = done ? "copied" : "select the text and copy it: the browser refuses to");
      });
    }
  }
  function statusOf(button) {
    let next = button.nextElementSibling;
    if (next?.getAttribute("role") === "status") return next;
    let made = make("span", { role: "status", class: "copied" });
    return button.after(made), made;
  }
  async function copied(source) {
    try {
      return await navigator.clipboard.writeText(source.textContent), !0;
    } catch {
      return selectedCopy(source);
    }
  }
  function selectedCopy(source) {
    let selection = getSelection(), focused = document.activeElement;
    selection?.selectAllChildren(source);
    let done = document.execCommand("copy");
    return done && selection?.removeAllRanges(), focused instanceof HTMLElement && focused.focus(), done;
  }

  // src/figures.ts
  var FADED = "faded";
  function mountFigures() {
    let figure2 = document.querySelector(".figure svg"), form = byId("highlight", HTMLFormElement);
    if (!(figure2 instanceof SVGSVGElement)) return;
    let nodes = all("a[href]", SVGAElement, figure2).map((link) => ({ link, slug: slugOf(link) }));
    if (nodes.length < 2) return;
    let edges = all("[data-parent][data-child]", SVGElement, figure2), parents = new Map(models().map((model) => [model.slug, model.parents])), families = new Map(models().map((model) => [model.slug, model.family])), light = (lit) => {
      for (let { link, slug } of nodes) link.classList.toggle(FADED, !lit(slug));
      for (let edge of edges) {
        let children = (edge.dataset.child ?? "").split(" ");
        edge.classList.toggle(FADED, !(lit(edge.dataset.parent ?? "") && children.some(lit)));
      }
    }, rest = () => {
      let family = form && one(said(form), "family");
      light((slug) => !family || families.get(slug) === family);
    }, enter = (event) => {
      let link = event.target instanceof Element ? event.target.closest("a") : null, slug = link instanceof SVGAElement ? slugOf(link) : "";
      if (!slug) return;
      let line2 = ancestors(slug, parents);
      light((other) => line2.has(other));
    };
    for (let [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]])
      figure2.addEventListener(begin, enter), figure2.addEventListener(end, rest);
    form && bind(form, rest), rest();
  }
  function slugOf(link) {
    return /([^/]+)\.html$/.exec(link.href.baseVal)?.[1] ?? "";
  }
  function ancestors(slug, parents) {
    let line2 = /* @__PURE__ */ new Set([slug]);
    for (let one2 of line2) parents.get(one2)?.forEach((parent) => line2.add(parent));
    return line2;
  }

  // src/ask.ts
  var NUMBERS = ["context", "batch", "rank", "source", "checkpointing"];
  function question(state2) {
    let asked2 = {}, problems = [];
    for (let name of NUMBERS) {
      let text = one(state2, name)?.trim();
      if (!text) continue;
      let value2 = readCount(text);
      value2 !== null ? asked2[name] = value2 : problems.push(`${name} is “${text}”; write a whole number such as 2048, or 8k.`);
    }
    return { task: one(state2, "task") ?? "serve", precision: one(state2, "precision") ?? "bfloat16", asked: asked2, problems };
  }

  // src/formula.ts
  function evaluate(formula, values2) {
    let sum2 = 0n;
    for (let [coefficient, ...factors] of formula) {
      let product = BigInt(coefficient);
      for (let factor of factors) product *= value(factor, values2);
      sum2 += product;
    }
    return sum2;
  }
  function value(factor, values2) {
    if (typeof factor == "string") {
      let known2 = Object.hasOwn(values2, factor) ? values2[factor] : void 0;
      if (known2 === void 0) throw new Error(`The formula needs a value for “${factor}”.`);
      return BigInt(known2);
    }
    if ("min" in factor) return factor.min.map((one2) => evaluate(one2, values2)).reduce((a, b) => b < a ? b : a);
    let [over, by] = factor.ceil.map((one2) => evaluate(one2, values2));
    return over / by + (over % by > 0n ? 1n : 0n);
  }

  // src/plan.ts
  var Refused = class extends Error {
  };
  function values(plan, precision, asked2 = {}) {
    let numbers = plan.precisions[precision];
    if (!numbers) throw new Refused(`Not in ${precision}; this task takes ${Object.keys(plan.precisions).join(", ")}.`);
    let context = asked2.context ?? plan.variables.find(({ name }) => name === "context")?.default, known2 = { ...numbers };
    for (let variable of plan.variables) {
      let value2 = asked2[variable.name] ?? variable.default ?? context;
      value2 != null && (asked2[variable.name] !== void 0 && check(variable, value2), known2[variable.name] = value2);
    }
    return known2;
  }
  function check({ name, least: least2, most }, value2) {
    if (value2 >= least2 && (most === null || value2 <= most)) return;
    let bounds = most === null ? `at least ${commas(least2)}` : least2 === most ? commas(most) : `${commas(least2)} to ${commas(most)}`;
    throw new Refused(`${name} is ${commas(value2)}; this model takes ${bounds}.`);
  }
  function lineBytes(plan, precision, asked2 = {}) {
    let known2 = values(plan, precision, asked2);
    return new Map(plan.lines.map((line2) => [line2.name, evaluate(line2.formula, known2)]));
  }
  function sum(lines, known2) {
    return lines.reduce((bytes2, line2) => bytes2 + evaluate(line2.formula, known2), 0n);
  }
  function total(plan, precision, asked2 = {}) {
    return sum(plan.lines, values(plan, precision, asked2));
  }
  function partBytes(plan, precision, asked2, part) {
    return sum(plan.lines.filter((line2) => line2.part === part), values(plan, precision, asked2));
  }
  function largestContext(plan, precision, asked2, room) {
    let variable = plan.variables.find(({ name }) => name === "context");
    if (!variable) return null;
    let fits = (context) => total(plan, precision, { ...asked2, context }) <= room;
    if (!fits(variable.least)) return 0;
    let most = variable.most ?? 2 ** 40;
    if (fits(most)) return variable.most ?? 1 / 0;
    let [low, high] = [variable.least, most];
    for (; high - low > 1; ) {
      let middle = Math.floor((low + high) / 2);
      fits(middle) ? low = middle : high = middle;
    }
    return low;
  }

  // src/search.ts
  function mountSearch() {
    let form = byId("search", HTMLFormElement), results = byId("results", HTMLElement);
    if (!form || !results || document.body.dataset.page !== "home") return;
    let items = new Map(all("[data-slug]", HTMLElement, results).map((item) => [item.dataset.slug ?? "", item]));
    bind(form, () => show2(form, results, items)), show2(form, results, items), arrows(form, results);
  }
  function show2(form, results, items) {
    let state2 = said(form), reading = read(state2), found = sorted(passing(models(), reading), one(state2, "sort") ?? "name", ""), order = one(state2, "q") && usual(form) ? sorted(found, "", one(state2, "q") ?? "") : found, shown = new Set(order.map((model) => model.slug));
    for (let [slug, item] of items) item.hidden = !shown.has(slug);
    results.append(...order.map((model) => items.get(model.slug)).filter((item) => item !== void 0)), announceCount(order, models().length), complain(form, reading);
    for (let facet of all("[data-facet]", HTMLElement, form)) tally(facet, state2, reading);
  }
  function usual(form) {
    let select = form.elements.namedItem("sort");
    return !(select instanceof HTMLSelectElement) || select.selectedIndex <= 0;
  }
  function announceCount(found, of, what = "models") {
    announce(found.length === of ? `${of} ${what}` : `${found.length} of ${of} ${what}`, "count");
    let empty = byId("empty", HTMLElement);
    empty && (empty.hidden = found.length > 0);
  }
  function complain(form, { problems }) {
    for (let name of ["since", "until", "params"]) {
      let control = form.elements.namedItem(name);
      if (!(control instanceof HTMLInputElement)) continue;
      let problem = problems.get(name) ?? "";
      control.setCustomValidity(problem), control.title = problem, problem ? control.setAttribute("aria-invalid", "true") : control.removeAttribute("aria-invalid");
    }
  }
  function tally(facet, state2, reading) {
    let name = facet.dataset.facet ?? "";
    if (!(name in FACETS)) return;
    let counts = tallies(models(), reading, name);
    for (let label of all("label", HTMLElement, facet)) {
      let value2 = label.querySelector("input")?.value ?? "", place = label.querySelector(".tally");
      place && (place.textContent = String(counts.get(value2) ?? 0));
    }
    let chosen = facet.querySelector("summary .chosen"), number = (state2.get(name) ?? []).length;
    chosen && (chosen.textContent = number ? `${number} chosen` : "");
  }
  function arrows(form, results) {
    let input = byId("q", HTMLInputElement), walk = (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      let links = all("li:not([hidden]) a:first-of-type", HTMLAnchorElement, results), stops = input ? [input, ...links] : links, here = stops.findIndex((stop) => stop === document.activeElement), next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
      here < 0 || !next || (event.preventDefault(), next.focus());
    };
    input?.addEventListener("keydown", walk), results.addEventListener("keydown", walk), form.addEventListener("keydown", (event) => {
      event.key === "Enter" && event.target instanceof HTMLInputElement && event.target.type !== "checkbox" && event.preventDefault();
    });
  }

  // src/sizing.ts
  function mountSizing() {
    let form = byId("sizing-form", HTMLFormElement), result = byId("sizing-result", HTMLElement), slug = document.querySelector("article[data-slug]")?.getAttribute("data-slug");
    if (!form || !result || !slug) return;
    let update = async () => {
      let state2 = said(form);
      try {
        let { sizes, default: usual2 } = await entry(slug), name = one(state2, "size") ?? usual2, size = sizes[name];
        size && show3(result, form, size, `${slug}:${name}`, question(state2));
      } catch (error) {
        fill(result, make("p", { class: "problem", role: "alert" }, error.message));
      }
    };
    bind(form, () => {
      update();
    }), location.search ? update() : entry(slug).then(({ sizes, default: usual2 }) => ask(form, sizes[usual2]?.plans.serve));
  }
  function show3(result, form, size, name, asking) {
    ask(form, size.plans[asking.task]), fill(result, ...sizingOf(size.plans, name, asking));
    let link = byId("what-if-link", HTMLAnchorElement);
    link && (link.href = `${root()}what-if.html?m=${name}`);
  }
  function ask(form, plan) {
    for (let name of NUMBERS) {
      let field2 = form.elements.namedItem(name);
      if (!(field2 instanceof HTMLInputElement)) continue;
      let variable = plan?.variables.find((one2) => one2.name === name), place = field2.closest("label") ?? field2;
      place.hidden = !variable, field2.placeholder = variable ? variable.default === null ? "as context" : commas(variable.default) : "", field2.title = variable?.why ?? "";
    }
  }
  function sizingOf(plans, name, asking) {
    let plan = plans[asking.task];
    if (!plan) return [make("p", { class: "empty" }, `${name} has no plan for this task.`)];
    let alert = (sentence2) => [make("p", { class: "problem", role: "alert" }, sentence2)];
    if (asking.problems.length) return alert(asking.problems.join(" "));
    let lines;
    try {
      lines = lineBytes(plan, asking.precision, asking.asked);
    } catch (error) {
      return alert(error.message);
    }
    let sum2 = [...lines.values()].reduce((a, b) => a + b, 0n), told = plan.lines.some(({ why }) => why), row2 = (what, number, why) => ({ cells: [what, bytes(number), commas(number), ...told ? [why] : []] }), rows = plan.lines.map(({ name: what, why }) => row2(what, lines.get(what) ?? 0n, why ?? "")), columns3 = [{ title: "What" }, { title: "Size", number: !0 }, { title: "Bytes", number: !0 }, ...told ? [{ title: "Why" }] : []], foot = row2("All together", sum2, "");
    return [...rows.length ? [scroller(`What ${name} takes`, table(`${name}, ${asking.task}, ${asking.precision}`, columns3, rows, [foot])), plan.complete && gpusFor(sum2)] : [], ...plan.leaves_out.map((sentence2) => make("p", { class: "why" }, sentence2))];
  }
  function gpusFor(sum2) {
    let fitting = (shared().gpus ?? []).filter((gpu) => sum2 <= BigInt(gpu.bytes)), least2 = Math.min(...fitting.map((gpu) => gpu.bytes)), smallest = fitting.filter((gpu) => gpu.bytes === least2).map(({ name }) => name);
    return smallest.length ? make("p", {}, `The smallest GPU that holds it has ${bytes(least2)}: ${smallest.join(" or ")}.`) : make("p", {}, "No single GPU that the atlas knows holds it.");
  }

  // src/fits.ts
  var COLUMNS = [
    { title: "Model" },
    { title: "Parameters", number: !0 },
    { title: "Weights", number: !0 },
    { title: "Other", number: !0 },
    { title: "Together", number: !0 },
    { title: "Fits" },
    { title: "Largest context", number: !0 }
  ];
  function mountFits() {
    let form = byId("fits", HTMLFormElement), body = byId("fits-table", HTMLTableElement)?.tBodies[0];
    if (!form || !body) return;
    let update = () => {
      show4(body, said(form));
    };
    bind(form, update), update();
  }
  var latest2 = 0;
  async function show4(body, state2) {
    let mine = latest2 += 1, asking = question(state2), memory = memoryOf(state2), problems = [...asking.problems, ...typeof memory == "string" ? [memory] : []];
    if (refuse(problems), problems.length || typeof memory == "string") return;
    let plans;
    try {
      plans = await plansOf(asking.task);
    } catch (error) {
      refuse([error.message]);
      return;
    }
    if (mine !== latest2) return;
    let all2 = Object.entries(plans.sizes), answers = all2.map(([name, size]) => answer(name, planned(size, plans, asking.task), size.parameters, asking, memory)).filter((one2) => one2 !== null);
    answers.sort((a, b) => +(b.room >= 0n) - +(a.room >= 0n) || b.parameters - a.parameters || (a.name < b.name ? -1 : 1)), fill(body, ...answers.map((one2) => row(one2, asking, state2)));
    let caption = body.closest("table")?.caption;
    caption && fill(caption, plans.leaves_out);
    let fitting = answers.filter(({ room }) => room >= 0n);
    announceCount(fitting, answers.length, "sizes fit");
    let refused = all2.length + plans.unknown - answers.length;
    refused && announce(`${fitting.length} of ${answers.length} sizes fit; ${refused} others cannot be asked this`, "count");
  }
  function memoryOf(state2) {
    let written2 = one(state2, "bytes")?.trim(), count = Number(one(state2, "count")?.trim() || 1);
    if (!Number.isInteger(count) || count < 1) return "The number of GPUs is not a whole number from one.";
    let name = one(state2, "gpu"), each = written2 ? readBytes(written2) : (shared().gpus ?? []).find((gpu) => gpu.name === name)?.bytes;
    return each === null ? `“${written2}” is no amount of memory; write 24 GB or 24 GiB.` : each === void 0 ? `The atlas knows no GPU “${name}”; write its memory instead.` : BigInt(each) * BigInt(count);
  }
  function planned({ lines, variables }, { precisions, leaves_out }, task) {
    let named = lines.map(([part, formula]) => ({ name: part, part, formula }));
    return { task, lines: named, variables, precisions, complete: !0, leaves_out: [leaves_out] };
  }
  function answer(name, plan, parameters2, asking, memory) {
    try {
      let all2 = total(plan, asking.precision, asking.asked), longest = all2 <= memory || fitsShorter(plan, asking, memory) ? largestContext(plan, asking.precision, asking.asked, memory) : null, weights = partBytes(plan, asking.precision, asking.asked, "weights");
      return { name, parameters: parameters2, weights, all: all2, room: memory - all2, longest };
    } catch (error) {
      if (error instanceof Refused) return null;
      throw error;
    }
  }
  function fitsShorter(plan, { precision, asked: asked2 }, memory) {
    let context = plan.variables.find(({ name }) => name === "context");
    return context !== void 0 && total(plan, precision, { ...asked2, context: context.least }) <= memory;
  }
  function row(answer2, asking, state2) {
    let { room, longest } = answer2, verdict = make("span", { class: `verdict ${room >= 0n ? "yes" : "no"}` }, room >= 0n ? `yes, ${bytes(room)} left` : `no, ${bytes(-room)} short`), context = longest === null ? "—" : longest === 1 / 0 ? "any" : commas(longest), cells2 = [
      nameOf(answer2.name, asking, state2),
      commas(answer2.parameters),
      bytes(answer2.weights),
      answer2.all > answer2.weights ? bytes(answer2.all - answer2.weights) : "none",
      bytes(answer2.all),
      verdict,
      context
    ];
    return line({ cells: cells2 }, COLUMNS);
  }
  function nameOf(name, asking, state2) {
    let [slug = "", size = ""] = name.split(":"), kept = ["task", "precision", ...NUMBERS].map((key) => [key, state2.get(key) ?? []]), query = written(new Map([["size", [size]], ...kept.filter(([, values2]) => values2.some(Boolean))])), title = models().find((model) => model.slug === slug)?.name ?? slug, why = make("button", { type: "button", class: "why", "aria-expanded": "false", "aria-label": `why, ${name}` }, "why");
    return why.addEventListener("click", () => {
      explain(why, name, asking);
    }), make("span", {}, make("a", { href: `${pageOf(slug)}${query}#sizing` }, title), " ", make("code", {}, size), " ", why);
  }
  async function explain(why, name, asking) {
    let above = why.closest("tr");
    if (!above) return;
    let open = why.getAttribute("aria-expanded") === "true";
    if (why.setAttribute("aria-expanded", String(!open)), open) {
      above.nextElementSibling?.remove();
      return;
    }
    let cell2 = make("td", { colspan: COLUMNS.length }, "…");
    above.after(make("tr", { class: "reasons" }, cell2));
    try {
      fill(cell2, ...sizingOf((await choose(name)).size.plans, name, asking));
    } catch (error) {
      fill(cell2, error.message);
    }
  }

  // src/lists.ts
  function mountLists() {
    mount("errata-filter", () => all("#errata .erratum", HTMLElement), "errata", (item, state2) => {
      let wrong = one(state2, "wrong");
      return matches(item.closest("section") ?? item, item, state2) && (!wrong || item.dataset.wrong === wrong);
    }), mount("sources-filter", () => all("#sources .source", HTMLElement), "sources", (item, state2) => matches(item, item, state2)), mount("license-filter", () => all("#answers tbody tr", HTMLElement), "models", (item, state2) => {
      let answer2 = one(state2, "answer"), cell2 = item.querySelector(`[data-purpose="${CSS.escape(one(state2, "for") ?? "")}"] .verdict`);
      return !answer2 || !cell2 || cell2.classList.contains(answer2);
    });
  }
  function mount(id, found, what, shown) {
    let form = byId(id, HTMLFormElement);
    if (!form) return;
    let items = found(), update = () => {
      let state2 = said(form);
      for (let item of items) item.hidden = !shown(item, state2);
      for (let section of new Set(items.map((item) => item.closest("section"))))
        section && section.id !== "answers" && (section.hidden = items.every((item) => item.hidden || item.closest("section") !== section));
      announceCount(items.filter((item) => !item.hidden), items.length, what);
    };
    bind(form, update), update();
  }
  function matches(section, item, state2) {
    let text = fold(`${section.querySelector("h2, h3")?.textContent ?? ""} ${item.textContent}`);
    return fold(one(state2, "q") ?? "").split(/\s+/).every((word) => text.includes(word));
  }

  // src/download.ts
  function download(name, type, text) {
    let address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` })), link = make("a", { href: address, download: name });
    document.body.append(link), link.click(), link.remove(), setTimeout(() => URL.revokeObjectURL(address), 6e4);
  }
  function csv(rows) {
    return rows.map((row2) => row2.map(cell).join(",") + `\r
`).join("");
  }
  function cell(value2) {
    let tame = /^[=+\-@\t\r]/.test(value2) && Number.isNaN(Number(value2)) ? `'${value2}` : value2;
    return /[",\r\n]/.test(tame) ? `"${tame.replaceAll('"', '""')}"` : tame;
  }

  // src/table.ts
  function mountTable() {
    let table2 = byId("table", HTMLTableElement), form = byId("q", HTMLInputElement)?.form;
    if (!table2 || !form || document.body.dataset.page !== "table") return;
    let rows = new Map(all("tbody tr[data-slug]", HTMLTableRowElement, table2).map((row2) => [row2.dataset.slug ?? "", row2])), view = { table: table2, rows, form, sort: one(readState(), "sort") ?? "name" }, kept = besides(form), update = bind(form, () => show5(view), () => withSort(kept, view.sort));
    for (let header of headers(table2)) sortable2(header, view, update);
    byId("download-csv", HTMLButtonElement)?.addEventListener("click", () => save(view, "csv")), byId("download-json", HTMLButtonElement)?.addEventListener("click", () => save(view, "json")), show5(view);
  }
  function besides(form) {
    let names = [...Object.keys(FACETS), "since", "until", "params"];
    return new Map([...readState()].filter(([name]) => names.includes(name) && !form.elements.namedItem(name)));
  }
  function withSort(state2, sort) {
    return sort === "name" ? state2 : new Map([...state2, ["sort", [sort]]]);
  }
  var headers = (table2) => all("thead th[data-column]", HTMLElement, table2);
  function sortable2(header, view, update) {
    let column = header.dataset.column ?? "", button = make("button", { type: "button", class: "sort" }, header.textContent);
    button.addEventListener("click", () => {
      view.sort = view.sort === column ? `-${column}` : column, update();
    }), header.replaceChildren(button);
  }
  function state(view) {
    return new Map([...besides(view.form), ...said(view.form)]);
  }
  function columns(view) {
    return /* @__PURE__ */ new Set(["name", ...said(view.form).get("columns") ?? []]);
  }
  function inView(view) {
    return sorted(passing(models(), read(state(view))), view.sort);
  }
  function show5(view) {
    let found = inView(view), shown = new Set(found.map((model) => model.slug));
    for (let [slug, row2] of view.rows) row2.hidden = !shown.has(slug);
    view.table.tBodies[0]?.append(...found.map((model) => view.rows.get(model.slug)).filter((row2) => row2 !== void 0)), announceCount(found, models().length);
    let chosen = columns(view);
    for (let cell2 of all("[data-column]", HTMLElement, view.table)) cell2.hidden = !chosen.has(cell2.dataset.column ?? "");
    for (let header of headers(view.table)) {
      let column = header.dataset.column, sort = view.sort === column ? "ascending" : view.sort === `-${column}` ? "descending" : null;
      sort ? header.setAttribute("aria-sort", sort) : header.removeAttribute("aria-sort");
    }
  }
  function save(view, format) {
    let chosen = columns(view), kept = (shared().columns ?? []).filter(([key]) => chosen.has(key)), found = inView(view);
    format === "csv" ? download("bestiary.csv", "text/csv", csv([kept.map(([, title]) => title), ...found.map((model) => cells(model, kept))])) : download("bestiary.json", "application/json", JSON.stringify(found.map((model) => picked(model, kept)), null, 2) + `
`);
  }
  function cells(model, kept) {
    return kept.map(([key]) => plainText(model[key]));
  }
  function plainText(value2) {
    return value2 == null ? "" : Array.isArray(value2) ? value2.map((one2) => plainText(one2)).join("; ") : typeof value2 == "object" ? JSON.stringify(value2) : String(value2);
  }
  function picked(model, kept) {
    return { slug: model.slug, ...Object.fromEntries(kept.map(([key]) => [key, model[key] ?? null])) };
  }

  // src/variation.ts
  var variation_exports = {};
  __export(variation_exports, {
    argumentsAt: () => argumentsAt,
    countsAt: () => countsAt,
    least: () => least,
    partsAt: () => partsAt,
    plansAt: () => plansAt,
    problemsOf: () => problemsOf,
    step: () => step
  });
  function argumentsAt(variation, asked2) {
    return Object.fromEntries(variation.arguments.map(({ name, value: value2 }) => [name, asked2[name] ?? value2]));
  }
  function step({ multiple, of }, at) {
    return multiple * (of === null ? 1 : at[of] ?? 1);
  }
  function least(argument, at) {
    return argument.least * step(argument, at);
  }
  function problemsOf(variation, at) {
    return variation.arguments.flatMap((argument) => {
      let { name, multiple, of } = argument, [value2, by, from] = [at[name] ?? 0, step(argument, at), least(argument, at)];
      if (Number.isSafeInteger(value2) && value2 >= from && value2 % by === 0) return [];
      let near = Math.max(from, Math.round(value2 / by) * by) || from, rule = [multiple > 1 ? commas(multiple) : "", of ? `${of}, which is ${commas(at[of] ?? 0)}` : ""].filter(Boolean).join(" times ");
      return value2 % by !== 0 ? [`${name} is ${commas(value2)}; give a multiple of ${rule}: ${commas(near)}.`] : [value2 < from ? `${name} is ${commas(value2)}; give at least ${commas(from)}.` : `${name} is ${commas(value2)}, too large to count with.`];
    });
  }
  function countsAt(variation, at) {
    let { total: total2, active, embedding, non_embedding } = variation, count = (formula) => Number(evaluate(formula, at));
    return { total: count(total2), active: count(active), embedding: count(embedding), non_embedding: count(non_embedding) };
  }
  function partsAt(variation, at) {
    return Object.entries(variation.parts).map(([path, formula]) => [path, Number(evaluate(formula, at))]);
  }
  function plansAt(variation, at, published) {
    return Object.fromEntries(
      Object.entries(variation.plans).map(([task, varied]) => [task, planAt(task, varied, at, published[task])])
    );
  }
  function planAt(task, { lines, variables, precisions }, at, published) {
    let bound = (one2) => one2 === null || typeof one2 == "number" ? one2 : Number(evaluate(one2, at)), told = variables.map(({ name, ...bounds }) => {
      let why = published?.variables.find((variable) => variable.name === name)?.why ?? "";
      return { name, default: bound(bounds.default), least: bound(bounds.least) ?? 1, most: bound(bounds.most), why };
    });
    return {
      task,
      lines: unlike(lines),
      variables: told,
      precisions: Object.fromEntries(Object.entries(precisions).map(([name, numbers]) => [name, { ...numbers, ...at }])),
      complete: published?.complete ?? !0,
      leaves_out: published?.leaves_out ?? []
    };
  }
  function unlike(lines) {
    let seen = /* @__PURE__ */ new Map();
    return lines.map(({ name, part, formula }) => {
      let before = seen.get(name) ?? 0;
      return seen.set(name, before + 1), { name: before ? `${name} (${before + 1})` : name, part, formula };
    });
  }

  // src/whatif.ts
  var SECTIONS = ["what-if-counts", "what-if-diff", "what-if-sizing"], REACH = 4;
  function mountWhatIf() {
    let form = byId("what-if", HTMLFormElement), place = byId("arguments", HTMLElement), input = form?.elements.namedItem("m");
    form && place && input instanceof HTMLInputElement && new WhatIf(form, place, input);
  }
  var WhatIf = class {
    constructor(form, place, input) {
      this.form = form;
      this.place = place;
      this.input = input;
      combobox(input), restore(form, readState()), input.addEventListener("change", () => {
        this.take(/* @__PURE__ */ new Map());
      }), form.addEventListener("input", (event) => event.target !== input && this.show()), form.addEventListener("submit", (event) => {
        event.preventDefault(), this.chosen?.name !== input.value && this.take(/* @__PURE__ */ new Map());
      }), form.addEventListener("reset", (event) => {
        event.preventDefault(), this.take(/* @__PURE__ */ new Map());
      }), this.take(readState());
    }
    form;
    place;
    input;
    chosen = null;
    turn = 0;
    /** Take the model that the form names, with what a state says of its arguments. */
    async take(state2) {
      let turn = ++this.turn, name = this.input.value.trim();
      if (!name) return this.nothing([]);
      try {
        let chosen = await choose(name);
        if (turn !== this.turn) return;
        this.chosen = chosen, this.offer(chosen.size.variation), restore(this.form, state2), this.show();
      } catch (error) {
        turn === this.turn && this.nothing([error.message]);
      }
    }
    nothing(problems) {
      this.chosen = null, fill(this.place), refuse(problems);
      for (let id of SECTIONS) fillSection(byId(id, HTMLElement));
    }
    offer(variation) {
      let own = variation ? argumentsAt(variation, {}) : {};
      fill(this.place, ...(variation?.arguments ?? []).map((argument) => field(argument, own))), variation || fill(this.place, make("p", { class: "empty" }, "What this size is made of cannot vary here; below is what was published."));
    }
    show() {
      if (!this.chosen) return;
      let { name, size } = this.chosen, variation = size.variation, state2 = said(this.form), asked2 = variation ? read2(variation, state2) : {}, at = variation ? argumentsAt(variation, asked2) : {}, beyond = [...beyondDefaults(this.form)].filter(([key]) => key !== this.input.name);
      writeState(new Map([[this.input.name, [name]], ...beyond])), variation && this.follow(variation, at);
      let asking = question(state2);
      ask(this.form, size.plans[asking.task]);
      let problems = variation ? problemsOf(variation, at) : [];
      if (refuse(problems), problems.length) return;
      let [counts, diff, sizing] = SECTIONS.map((id) => byId(id, HTMLElement)), changed = variation?.arguments.some((argument) => at[argument.name] !== argument.value) ?? !1, plans = variation && changed ? plansAt(variation, at, size.plans) : size.plans;
      fillSection(counts ?? null, ...countTable(size, variation, at)), fillSection(diff ?? null, ...changes(size, variation, at));
      let alone = "With other arguments the page counts serving alone; as published, every task.", known2 = asking.task in plans || !(asking.task in size.plans);
      fillSection(sizing ?? null, ...known2 ? sizingOf(plans, name, asking) : [make("p", { class: "empty" }, alone)]);
    }
    /** Have each field go in the steps that the others leave it: a width in those of its heads. */
    follow(variation, at) {
      for (let argument of variation.arguments) {
        let [by, from] = [step(argument, at), least(argument, at)];
        for (let input of all("input", HTMLInputElement, this.place))
          input.dataset.argument === argument.name && (input.step = String(by), input.min = String(from));
      }
    }
  };
  function field(argument, own) {
    let { name, value: value2 } = argument, [by, from] = [step(argument, own), least(argument, own)], id = freshId("argument"), shared2 = { "data-argument": name, min: from, step: by, value: value2 }, number = make("input", { id, name, type: "number", inputmode: "numeric", ...shared2 }), far = Math.max(from + by, Math.ceil(value2 * REACH / by) * by), slider = make("input", { type: "range", max: far, "aria-label": `${name}, slider`, ...shared2 });
    return slider.addEventListener("input", () => number.value = slider.value), number.addEventListener("input", () => slider.value = number.value), make("div", { class: "argument" }, make("label", { for: id }, name), number, slider);
  }
  function read2(variation, state2) {
    let values2 = variation.arguments.map(({ name, value: value2 }) => [name, Number(one(state2, name) || value2)]);
    return Object.fromEntries(values2.map(([name, value2]) => [name, Number.isInteger(value2) ? value2 : 0]));
  }
  var COUNTS = { total: "All", active: "Of these, active for a token", embedding: "In embeddings", non_embedding: "Elsewhere" };
  function countTable(size, variation, at) {
    let now = variation ? countsAt(variation, at) : size.count, rows = Object.keys(COUNTS).map((key) => {
      let [before, after] = [size.count[key], now[key]];
      return { cells: [COUNTS[key], commas(before), commas(after), signed(after - before)], ...before === after ? {} : { class: "differs" } };
    });
    return [scroller("Parameters", table("Parameters", columns2("Parameters"), rows))];
  }
  var columns2 = (first) => [
    { title: first },
    { title: "Published", number: !0 },
    { title: "Now", number: !0 },
    { title: "Difference", number: !0 }
  ];
  function changes(size, variation, at) {
    let changed = (variation?.arguments ?? []).filter(({ name, value: value2 }) => at[name] !== value2);
    if (!variation || !changed.length) return [make("p", {}, "Nothing yet: these are the published sizes.")];
    let told = changed.map(({ name, value: value2 }) => {
      let now2 = at[name] ?? value2;
      return { cells: [make("code", {}, name), commas(value2), commas(now2), signed(now2 - value2)] };
    }), rows = attributed([size.parts, partsAt(variation, at)]).map(({ path, counts: [before = 0, after = 0], gains: [, gain = 0] }) => ({
      cells: [make("code", {}, path), commas(before), commas(after), signed(gain)],
      ...gain ? { class: "differs" } : {}
    })), now = countsAt(variation, at).total, foot = { cells: ["All parameters", commas(size.count.total), commas(now), signed(now - size.count.total)] };
    return [
      scroller("Changed arguments", table("Arguments", columns2("Argument"), told)),
      scroller("Parameters by part", table("Parameters by part", columns2("Part"), rows, [foot]))
    ];
  }

  // src/main.ts
  function reveal() {
    for (let element of all("[data-needs-script]", HTMLElement)) element.hidden = !1;
  }
  function mount2() {
    reveal(), mountSearch(), mountTable(), mountSizing(), mountCompare(), mountFits(), mountWhatIf(), mountFigures(), mountLists(), mountCopies();
    let beside = byId("compare-with", HTMLFormElement)?.querySelector("input[list]");
    beside instanceof HTMLInputElement && combobox(beside), Object.assign(shared(), { ready: !0, choose, evaluate, lineBytes, variations: variation_exports });
  }
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", mount2) : mount2();
})();
