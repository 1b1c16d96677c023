"use strict";

// Requests to this server, with the token where it has one. What is refused for want of a token asks for it.

const TOKEN = "headstart-token";

/** Sends a request; `body` is anything that fetch takes. */
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

/** Shows the form for the token; is over when there is one. */
function askForToken(wasWrong) {
  asking ??= new Promise((given) => {
    const form = document.getElementById("token");
    const value = document.getElementById("token-value");
    document.getElementById("token-problem").textContent = wasWrong ? "The token is another." : "";
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

/** An element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
