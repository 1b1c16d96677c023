"use strict";

// Shows the operations of the OpenAPI description, each with a form to try it.

const FILE_TYPES = ["image/*", "multipart/form-data"];

let description;

async function load() {
  const place = document.getElementById("operations");
  try {
    description = await (await request("/openapi.json")).json();
  } catch (error) {
    place.replaceChildren(element("p", { class: "problem" }, `The API description cannot be loaded: ${error.message}`));
    return;
  }
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "Other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(show(path, method, operation));
    }
  }
  place.replaceChildren();
  for (const [tag, operations] of groups) place.append(element("h2", {}, tag), ...operations);
}

function show(path, method, operation) {
  const title = element("summary", {});
  const name = element("span", { class: `method ${method}` }, method.toUpperCase());
  title.append(name, element("code", {}, path), ` ${operation.summary ?? ""}`);
  const form = element("form", { class: "operation" });
  if (operation.description) form.append(element("p", {}, operation.description));
  const inputs = (operation.parameters ?? []).map((parameter) => field(form, parameter));
  const body = bodyFields(form, operation.requestBody);
  const answers = element("table");
  for (const [status, { description: words }] of Object.entries(operation.responses)) {
    answers.append(element("tr", {}, element("td", {}, status), element("td", {}, words)));
  }
  const output = element("div", { "aria-live": "polite" });
  form.append(answers, element("button", {}, "Send"), output);
  form.onsubmit = (event) => {
    event.preventDefault();
    send(path, method, inputs, body, output);
  };
  return element("details", {}, title, form);
}

/** Adds a labelled input for a parameter; returns the parameter with its input. */
function field(form, parameter) {
  const input = element("input", { placeholder: parameter.example ?? "" });
  if (parameter.required) input.required = true;
  const words = element("small", {}, parameter.description ?? "");
  form.append(element("label", {}, parameter.name, element("span", {}, input, words)));
  return { ...parameter, input };
}

/** Adds inputs for a body (a file, files, or JSON); returns a function that reads the body. */
function bodyFields(form, requestBody) {
  const types = Object.keys(requestBody?.content ?? {});
  if (types.length === 0) return () => null;
  const type = element("select");
  for (const name of types) type.append(element("option", { value: name }, name));
  const file = element("input", { type: "file" });
  const text = element("textarea", { spellcheck: "false" });
  const choose = () => {
    const isFile = FILE_TYPES.includes(type.value);
    file.hidden = !isFile;
    file.multiple = type.value === "multipart/form-data";
    text.hidden = isFile;
    if (!isFile) {
      const schema = requestBody.content[type.value].schema;
      text.value = JSON.stringify(example(schema, 0), null, 2);
    }
  };
  type.onchange = choose;
  choose();
  form.append(element("label", {}, "body", element("span", {}, type, " ", file, text)));
  return () => {
    if (type.value === "multipart/form-data") {
      const data = new FormData();
      for (const one of file.files) data.append("picture", one);
      return { body: data, headers: {} };
    }
    const isFile = FILE_TYPES.includes(type.value);
    const headers = { "Content-Type": isFile ? "application/octet-stream" : type.value };
    return { body: isFile ? file.files[0] : text.value, headers };
  };
}

/** An example value of a schema, to start editing from. */
function example(schema, depth) {
  if (schema === undefined || depth > 6) return null;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return example(description.components.schemas[name], depth + 1);
  }
  if (schema.example !== undefined) return schema.example;
  const types = [schema.type].flat();
  if (types.includes("object")) {
    const made = {};
    for (const name of schema.required ?? []) made[name] = example(schema.properties?.[name], depth + 1);
    return made;
  }
  if (types.includes("array")) return [example(schema.items, depth + 1)];
  if (types.includes("string")) return "";
  if (types.includes("boolean")) return false;
  return 0;
}

async function send(path, method, inputs, body, output) {
  const query = new URLSearchParams();
  for (const { name, in: place, input } of inputs) {
    if (input.value === "") continue;
    // Colons stay: TensorFlow Serving's paths end with a method, as in `NAME:predict`.
    const encoded = encodeURIComponent(input.value).replaceAll("%3A", ":");
    if (place === "path") path = path.replace(`{${name}}`, encoded);
    else query.set(name, input.value);
  }
  const address = query.size > 0 ? `${path}?${query}` : path;
  const begun = performance.now();
  output.replaceChildren(element("p", {}, "…"));
  try {
    const response = await request(address, { method: method.toUpperCase(), ...body() });
    const text = await response.text();
    const milliseconds = Math.round(performance.now() - begun);
    output.replaceChildren(
      element("p", {}, `${response.status} ${response.statusText}, ${milliseconds} ms`),
      element("pre", { tabindex: "0" }, pretty(text)),
    );
  } catch (error) {
    output.replaceChildren(element("p", { class: "problem" }, error.message));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

load();
