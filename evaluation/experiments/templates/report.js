
const heard = new Set();

// The button of each language is listened to once.
function listen() {
  if (!heard.has(speaking)) listenToLanguage(listen);
  heard.add(speaking);
}

speak(firstLanguage());
listen();
document.documentElement.dataset.ready = "yes";
