"use strict";

// Sends requests to this server, with its token if it has one. Asks for the token when a request is refused without it.

const TOKEN = "headstart-token";

/** Sends a request. The options are those of `fetch`. */
async function request(path, options = {}) {
  for (;;) {
    const headers = new Headers(options.headers);
    const token = sessionStorage.getItem(TOKEN);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const response = await fetch(path, { ...options, headers });
    if (response.status !== 401) return response;
    await askForToken(token !== null);
  }
}

let asking = null;

/** Shows the form for the token; resolves when a token was entered. */
function askForToken(wasWrong) {
  asking ??= new Promise((given) => {
    const form = document.getElementById("token");
    const value = document.getElementById("token-value");
    document.getElementById("token-problem").textContent = wasWrong ? "Wrong token." : "";
    form.hidden = false;
    value.focus();
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN, value.value.trim());
      value.value = "";
      form.hidden = true;
      asking = null;
      given();
    };
  });
  return asking;
}

/** Creates an element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
