// What the page shows is in its address: a link opens the same list and the same pair.
const DEFAULTS = {
  q: "", category: "", chosenModel: "", rejectedModel: "", min: "", max: "", split: "", origin: "", change: "",
  lang: "", sort: "", page: "1", pair: "",
};

// Without `lang` the texts are in the language of the page, where the release has them in it.
function usualLanguage(languages) {
  return languages.includes(speaking) ? speaking : languages[0];
}

function readState(hash, languages) {
  const [view, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const given = Object.fromEntries([...new URLSearchParams(query)].filter(([name]) => name in DEFAULTS));
  const state = { ...DEFAULTS, ...given, view: view === "pairs" ? "pairs" : "overview" };
  if (!languages.includes(state.lang)) state.lang = usualLanguage(languages);
  for (const name of ["min", "max"]) if (!Number.isFinite(Number(state[name]))) state[name] = "";
  return state;
}

function writeState(state, languages) {
  if (state.view !== "pairs") return "#overview";
  const query = new URLSearchParams();
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = String(state[name]);
    if (name === "lang" ? languages.length > 1 : value !== usual) query.set(name, value);
  }
  const text = query.toString();
  return text ? `#pairs?${text}` : "#pairs";
}
