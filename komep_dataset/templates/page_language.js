// The language of a page, Korean or English: the one picked before on any page, else the browser's.
const $ = (id) => document.getElementById(id);
let speaking = "en";

function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; } // a page from a file may have no storage
}

function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* the choice lasts as long as the page */ }
}

function firstLanguage() {
  const kept = remembered("komep-language");
  if (kept === "ko" || kept === "en") return kept;
  return navigator.language.startsWith("ko") ? "ko" : "en";
}

// A page that is there in both languages, one of them in an inert template: their elements change places.
function speak(language) {
  if (language !== speaking) {
    const mine = [...$("view").childNodes];
    $("view").replaceChildren(...$("other").content.childNodes);
    $("other").content.append(...mine);
  }
  speaking = language;
  $("view").lang = document.documentElement.lang = language;
  document.title = $("main").dataset.title;
}

// What the button for the other language does; `then` follows.
function listenToLanguage(then) {
  $("speak").addEventListener("click", () => {
    speak(speaking === "ko" ? "en" : "ko");
    remember("komep-language", speaking);
    then();
    $("speak").focus();
  });
}
