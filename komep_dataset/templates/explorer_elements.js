// Elements and text nodes. Characters that would hide or reorder text are shown by their number.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

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

// Text of the data as nodes: an isolated span, so that right-to-left text turns nothing around it.
function shown(data, properties = {}) {
  const className = properties.className ? `bidi ${properties.className}` : "bidi";
  const box = element("span", { ...properties, className });
  const text = data.replaceAll("\r\n", "\n");
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    const title = "a character that is not visible by itself";
    box.append(text.slice(end, match.index), element("span", { className: "ctl", title }, `U+${code}`));
    end = match.index + match[0].length;
  }
  box.append(text.slice(end));
  return box;
}

function languageOf(text) {
  return /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]/.test(text) ? "ko" : "en";
}

function count(number, one, many = one + "s") {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
