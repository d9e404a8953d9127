// Events, and what follows from the state. Every change of the state goes through `show`.
const $ = (id) => document.getElementById(id);
const SELECTS = {
  category: "categories", chosenModel: "models", rejectedModel: "models", split: "splits", origin: "origins",
};
const FILTERS = ["q", "min", "max", "change", ...Object.keys(SELECTS)];

class Explorer {
  constructor(release) {
    this.release = release;
    this.found = [];
    this.state = readState(location.hash, release.languages);
    for (const name of Object.keys(SELECTS)) fillSelect($(name), release[SELECTS[name]], this.state[name]);
    for (const [name, few] of [["origin", release.origins], ["category", release.categories]]) {
      $(name).closest("div").hidden = few.length < 2;
    }
    for (const name of ["chosenModel", "rejectedModel"]) $(name).closest("div").hidden = !release.models.length;
    document.querySelector('[aria-label="Score margin"]').hidden = release.columns.margin.every((one) => one === null);
    $("languages").hidden = $("pair-languages").hidden = release.languages.length < 2;
    if (release.changes) $("change-box").hidden = false;
    this.listen();
    this.render();
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
    $("page").textContent = `page ${Number(state.page).toLocaleString("en")} of ${pages.toLocaleString("en")}`;
    $("page-back").disabled = state.page === "1";
    $("page-on").disabled = Number(state.page) === pages;
    document.querySelector(".pages").hidden = pages === 1;
    this.renderControls();
  }

  renderControls() {
    const { state } = this;
    for (const name of ["q", "min", "max"]) if ($(name).value !== state[name]) $(name).value = state[name];
    for (const name of [...Object.keys(SELECTS), "change"]) $(name).value = state[name];
    for (const button of document.querySelectorAll("[data-lang]")) {
      button.setAttribute("aria-pressed", String(button.dataset.lang === state.lang));
    }
    for (const cell of document.querySelectorAll("[data-sort]")) {
      const [name, down] = [state.sort.replace("-", ""), state.sort.startsWith("-")];
      if (cell.dataset.sort === name) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }
    $("reset").disabled = FILTERS.every((name) => !state[name]);
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
    $("pair-name").textContent = place < 0 ? "A pair outside the list"
      : `Pair ${(place + 1).toLocaleString("en")} of ${this.found.length.toLocaleString("en")}`;
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

  listen() {
    addEventListener("popstate", () => {
      this.state = readState(location.hash, this.release.languages);
      this.render();
    });
    $("filters").addEventListener("input", ({ target }) => {
      if (target.name) this.show({ [target.name]: target.value });
    });
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("reset").addEventListener("click", () => {
      this.show(Object.fromEntries(FILTERS.map((name) => [name, ""])));
      $("q").focus();
    });
    for (const button of document.querySelectorAll("[data-lang]")) {
      button.addEventListener("click", () => this.show(
        { lang: button.dataset.lang, ...($("pair").open ? { pair: this.state.pair } : {}) }));
    }
    for (const cell of document.querySelectorAll("[data-sort] button")) {
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
    addEventListener("keydown", (event) => this.key(event));
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

function listenToTheme() {
  const names = ["system", "light", "dark"];
  let kept = null;
  try { kept = localStorage.getItem("komep-theme"); } catch { /* a page from a file may have no storage */ }
  const use = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    $("theme").textContent = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[name];
    $("theme").dataset.now = name;
  };
  use(names.includes(kept) ? kept : "system");
  $("theme").addEventListener("click", () => {
    const name = names[(names.indexOf($("theme").dataset.now) + 1) % names.length];
    use(name);
    try { localStorage.setItem("komep-theme", name); } catch { /* the choice lasts as long as the page */ }
  });
}

async function start() {
  listenToTheme();
  $("skip").addEventListener("click", () => $("main").focus());
  $("help").addEventListener("click", () => $("keys").showModal());
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  try {
    new Explorer(await readData());
  } catch (error) {
    $("count").textContent = typeof DecompressionStream === "undefined"
      ? "This browser is too old to unpack the pairs (it needs DecompressionStream, which browsers have had since 2023)."
      : `The pairs could not be unpacked (${error.message}); write the page again with komep report.`;
    $("pairs").hidden = false;
  }
  document.documentElement.dataset.ready = "yes";
}

start();
