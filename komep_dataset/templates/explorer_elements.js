// Elements and text nodes. Characters that would hide or reorder text are shown by their number.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// What is written for people: English as it stands in the code, Korean by the table in front of this script.
function say(text, values = {}) {
  const known = speaking === "ko" ? KOREAN[text] ?? text : text;
  return known.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key in made && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.flat());
  return made;
}

// Text of the data as nodes: in an element of its own direction, so that right-to-left text turns nothing around it; or in
// a `span`, which gives its direction to a box with `dir="auto"`. What the search found is marked.
function shown(data, properties = {}, words = [], name = "bdi") {
  const box = element(name, properties);
  const text = (words.length ? data.normalize("NFC") : data).replaceAll("\r\n", "\n");
  const found = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((a, b) => b.length - a.length);
  const marks = new RegExp([`(${HIDDEN.source})`, ...found].join("|"), "giu");
  let end = 0;
  for (const match of text.matchAll(marks)) {
    box.append(text.slice(end, match.index), match[1] ? hidden(match[0]) : element("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  box.append(text.slice(end));
  return box;
}

function hidden(character) {
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return element("span", { className: "ctl", title: say("a character that is not visible by itself") }, `U+${code}`);
}

function languageOf(text) {
  return /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]/.test(text) ? "ko" : "en";
}

function number(value) {
  return value.toLocaleString("en");
}
