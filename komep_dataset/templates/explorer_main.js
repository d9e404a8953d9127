// Events, and what follows from the state. Every change of the state goes through `show`.
const SELECTS = {
  category: "categories", chosenModel: "models", rejectedModel: "models", split: "splits", origin: "origins",
};
const FILTERS = ["q", "min", "max", "change", ...Object.keys(SELECTS)];

class Explorer {
  constructor(release) {
    this.release = release;
    this.found = [];
    this.entered = new Set();
    this.state = readState(location.hash, release.languages);
    this.listenToWindow();
    this.enter();
  }

  // The page in another language than before: at the first time its controls are filled and listened to.
  enter() {
    this.wanted = this.drawn = undefined;
    if (!this.entered.has(speaking)) this.fill();
    this.entered.add(speaking);
    this.render();
  }

  fill() {
    const { release } = this;
    for (const [name, names] of Object.entries(SELECTS)) {
      const told = name === "origin" ? release.origins.map((one) => [one, say(one)]) : release[names];
      fillSelect($(name), told, this.state[name]);
    }
    fillSelect($("sort"), orders(release), this.state.sort, say("release order"));
    for (const [name, few] of [["origin", release.origins], ["category", release.categories]]) {
      $(name).closest("div").hidden = few.length < 2;
    }
    for (const name of ["chosenModel", "rejectedModel"]) $(name).closest("div").hidden = !release.models.length;
    $("margins").hidden = release.columns.margin.every((one) => one === null);
    $("languages").hidden = $("pair-languages").hidden = release.languages.length < 2;
    $("change-box").hidden = !release.changes;
    $("more").open = matchMedia("(min-width: 52rem)").matches || this.filtered().some((name) => name !== "q");
    this.listen();
  }

  filtered() {
    return FILTERS.filter((name) => this.state[name]);
  }

  // A new state: in the address (a step of the history where a pair opens), then on the page.
  show(changes, { step = false } = {}) {
    const paged = "page" in changes || "pair" in changes || "view" in changes;
    this.state = { ...this.state, ...(paged ? {} : { page: "1" }), ...changes };
    const hash = writeState(this.state, this.release.languages);
    if (hash !== location.hash) history[step ? "pushState" : "replaceState"](null, "", hash);
    this.render();
  }

  render() {
    const { state } = this;
    for (const view of ["overview", "pairs"]) {
      $(view).hidden = state.view !== view;
      const link = document.querySelector(`.views a[href="#${view}"]`);
      if (state.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (state.view === "pairs") this.renderList();
    this.renderPair();
  }

  renderList() {
    const { release, state } = this;
    const wanted = JSON.stringify({ ...state, page: "", pair: "" });
    if (wanted !== this.wanted) this.found = matches(release, state);
    const pages = Math.max(1, Math.ceil(this.found.length / PAGE));
    state.page = String(Math.min(Math.max(1, Math.floor(Number(state.page)) || 1), pages));
    const drawn = wanted + state.page;
    if (drawn === this.drawn) return;
    const link = (row) => writeState({ ...state, pair: release.key(row) }, release.languages);
    fillRows($("rows"), release, this.found, state, link);
    if (wanted !== this.wanted) $("count").textContent = sayCount(this.found, release, state);
    [this.wanted, this.drawn] = [wanted, drawn];
    $("pairs-table").hidden = !this.found.length;
    $("none").hidden = this.found.length > 0;
    $("page").textContent = say("page {n} of {all}", { n: number(Number(state.page)), all: number(pages) });
    $("page-back").disabled = state.page === "1";
    $("page-on").disabled = Number(state.page) === pages;
    document.querySelector(".pages").hidden = pages === 1;
    this.renderControls();
  }

  renderControls() {
    const { state } = this;
    for (const name of ["q", "min", "max"]) if ($(name).value !== state[name]) $(name).value = state[name];
    for (const name of [...Object.keys(SELECTS), "change", "sort"]) $(name).value = state[name];
    if ($("sort").selectedIndex < 0) $("sort").value = ""; // an order of a column's head that the menu does not have
    for (const button of document.querySelectorAll("[data-lang]")) {
      button.setAttribute("aria-pressed", String(button.dataset.lang === state.lang));
    }
    for (const cell of document.querySelectorAll("#view [data-sort]")) {
      const [name, down] = [state.sort.replace("-", ""), state.sort.startsWith("-")];
      if (cell.dataset.sort === name) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    $("reset").hidden = !this.filtered().length;
    $("link").href = writeState({ ...state, pair: "" }, this.release.languages);
  }

  renderPair() {
    const { release, state } = this;
    const dialog = $("pair");
    const row = state.view === "pairs" && state.pair ? release.places.get(state.pair) : undefined;
    if (row === undefined) {
      if (dialog.open) dialog.close();
      return;
    }
    if (!release.has(row, state.lang)) {
      this.show({ lang: release.languages.find((language) => release.has(row, language)), pair: state.pair });
      return;
    }
    this.row = row;
    const place = this.found.indexOf(row);
    $("pair-name").textContent = place < 0 ? say("A pair outside the list")
      : say("Pair {n} of {all}", { n: number(place + 1), all: number(this.found.length) });
    $("pair-back").disabled = place <= 0;
    $("pair-on").disabled = place < 0 || place === this.found.length - 1;
    fillPair($("pair-body"), release, row, state);
    this.renderControls();
    document.body.classList.add("reading");
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  // The pair before or after the open one; the list behind it turns its page.
  step(by) {
    const row = this.found[this.found.indexOf(this.row) + by];
    if (row === undefined || (this.found.indexOf(this.row) < 0)) return;
    const page = String(Math.floor(this.found.indexOf(row) / PAGE) + 1);
    this.show({ pair: this.release.key(row), page });
  }

  // The link of a pair in the list, to return the focus to.
  closed() {
    document.body.classList.remove("reading");
    if (this.state.pair) this.show({ pair: "" });
    const link = document.querySelector(`#rows tr[data-row="${this.row}"] .open`);
    (link ?? $("q")).focus();
  }

  turn(by) {
    this.show({ page: String(Number(this.state.page) + by) });
    $("list").scrollIntoView({ block: "start" });
  }

  listenToWindow() {
    addEventListener("popstate", () => {
      this.state = readState(location.hash, this.release.languages);
      this.render();
    });
    addEventListener("keydown", (event) => this.key(event));
  }

  listen() {
    $("filters").addEventListener("input", ({ target }) => { // a choice is a step of the history, a letter typed is none
      if (target.name) this.show({ [target.name]: target.value }, { step: target.matches("select") });
    });
    $("link").addEventListener("click", (event) => this.copyLink(event));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("reset").addEventListener("click", () => {
      this.show(Object.fromEntries(FILTERS.map((name) => [name, ""])), { step: true });
      $("q").focus();
    });
    for (const button of document.querySelectorAll("#view [data-lang]")) {
      button.addEventListener("click", () => this.show(
        { lang: button.dataset.lang, ...($("pair").open ? { pair: this.state.pair } : {}) }));
    }
    for (const cell of document.querySelectorAll("#view [data-sort] button")) {
      const name = cell.closest("th").dataset.sort;
      cell.addEventListener("click", () => this.show({ sort: nextSort(name, this.state.sort) }));
    }
    $("rows").addEventListener("click", (event) => this.clicked(event));
    $("page-back").addEventListener("click", () => this.turn(-1));
    $("page-on").addEventListener("click", () => this.turn(1));
    $("pair-back").addEventListener("click", () => this.step(-1));
    $("pair-on").addEventListener("click", () => this.step(1));
    $("pair").addEventListener("close", () => this.closed());
    $("pair").addEventListener("click", ({ target }) => target === $("pair") && $("pair").close());
  }

  // The address of the list goes to the clipboard, where the browser lets it; the link can be copied by hand anywhere.
  async copyLink(event) {
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(event.target.href);
      event.target.textContent = say("Link copied");
    } catch {
      location.hash = event.target.hash;
    }
    setTimeout(() => { event.target.textContent = say("Link to this list"); }, 2000);
  }

  clicked(event) {
    const row = event.target.closest("tr")?.dataset.row;
    if (row === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.show({ pair: this.release.key(Number(row)) }, { step: true });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    if ($("keys").open) return;
    if ($("pair").open) {
      const by = { ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 }[event.key];
      if (by) this.step(by);
      else if (event.key === "l") this.switchLanguage();
      return;
    }
    if (event.key === "?") $("keys").showModal();
    else if (this.state.view === "pairs") this.listKey(event);
  }

  listKey(event) {
    const links = [...document.querySelectorAll("#rows .open")];
    const by = { ArrowUp: -1, k: -1, ArrowDown: 1, j: 1 }[event.key];
    const place = links.indexOf(document.activeElement);
    if (by && (place >= 0 || event.key.length === 1)) {
      event.preventDefault();
      links[Math.min(Math.max(place + by, 0), links.length - 1)]?.focus();
    } else if (event.key === "/") {
      event.preventDefault();
      $("q").focus();
    } else if (event.key === "l") this.switchLanguage();
  }

  switchLanguage() {
    const { languages } = this.release;
    const other = languages[(languages.indexOf(this.state.lang) + 1) % languages.length];
    const row = this.row;
    if ($("pair").open && !this.release.has(row, other)) return;
    this.show({ lang: other, ...($("pair").open ? { pair: this.state.pair } : {}) });
  }
}

// A click sorts one way (largest margin first), the next the other way, the third not at all.
function nextSort(name, sort) {
  const order = name === "margin" ? ["-margin", "margin", ""] : [name, `-${name}`, ""];
  return order[(order.indexOf(sort) + 1) % order.length];
}

const THEMES = ["system", "light", "dark"];
let theme = "system";

function useTheme(name) {
  theme = THEMES.includes(name) ? name : "system";
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const told = { system: say("Theme: system"), light: say("Theme: light"), dark: say("Theme: dark") };
  $("theme").textContent = told[theme];
}

let explorer = null;
const entered = new Set();

// What every view has besides the pairs, listened to once a language.
function enter() {
  useTheme(theme);
  if (!entered.has(speaking)) {
    $("theme").addEventListener("click", () => {
      useTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
      remember("komep-theme", theme);
    });
    $("skip").addEventListener("click", () => $("main").focus());
    $("help").addEventListener("click", () => $("keys").showModal());
    listenToLanguage(() => {
      enter();
      explorer?.show({ lang: usualLanguage(explorer.release.languages) });
    });
    for (const button of document.querySelectorAll("#view [data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
  }
  entered.add(speaking);
  explorer?.enter();
}

async function start() {
  speak(firstLanguage());
  theme = remembered("komep-theme");
  enter();
  if (document.readyState === "loading") await new Promise((done) => addEventListener("DOMContentLoaded", done));
  try {
    explorer = new Explorer(await readData());
  } catch (error) {
    $("count").textContent = typeof DecompressionStream === "undefined"
      ? say("This browser is too old to unpack the pairs (it needs DecompressionStream, which browsers have had since 2023).")
      : say("The pairs could not be unpacked ({error}); write the page again with komep report.", { error: error.message });
    $("pairs").hidden = false;
  }
  document.documentElement.dataset.ready = "yes";
}

start();
