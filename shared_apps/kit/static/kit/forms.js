// Forms: passwords that can be shown, files that can be dropped, one submission at a time, and a question before
// typed words are lost (form[data-guard]). Forms work without any of it.
function prepare(root) {
  for (const button of root.querySelectorAll("[data-show-password]")) button.hidden = false;
  for (const hint of root.querySelectorAll("[data-drop-hint]")) hint.hidden = false;
  root.querySelector("[data-errors]")?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show-password]");
  if (!button) return;
  const input = document.getElementById(button.dataset.showPassword);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
  for (const part of button.querySelectorAll("[data-when]")) part.hidden = (part.dataset.when === "shown") !== shown;
});

// --- files -------------------------------------------------------------------------------------------------
document.addEventListener("dragover", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone) return;
  event.preventDefault();
  zone.dataset.over = "";
});
document.addEventListener("dragleave", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (zone && !zone.contains(event.relatedTarget)) delete zone.dataset.over;
});
document.addEventListener("drop", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone) return;
  event.preventDefault();
  delete zone.dataset.over;
  const input = zone.querySelector("input[type=file]");
  if (!input || !event.dataTransfer.files.length) return;
  const taken = new DataTransfer();
  for (const file of input.multiple ? event.dataTransfer.files : [event.dataTransfer.files[0]]) taken.items.add(file);
  input.files = taken.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});

// --- one submission at a time: forms that may be sent again (a download) say data-again -----------------------
const buttonsOf = (form) => [...form.elements].filter((element) => element.type === "submit");

function release(form) {
  delete form.dataset.sent;
  for (const button of buttonsOf(form)) {
    if (!button.dataset.held) continue;
    delete button.dataset.held;
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" || form.method === "dialog" || "again" in form.dataset) return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sent = "";
  delete form.dataset.changed;
  // Disabled only after the browser has collected the values: a disabled button's name would be lost.
  setTimeout(() => {
    if (event.defaultPrevented && !form.matches("[hx-post], [hx-put], [hx-patch], [hx-delete]")) return release(form);
    for (const button of buttonsOf(form)) {
      if (button.disabled) continue;
      button.dataset.held = "1";
      button.disabled = true;
    }
    event.submitter?.setAttribute("aria-busy", "true");
  });
}, true);
document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest?.("form");
  if (form) release(form);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(release);
});

// --- unsaved words ----------------------------------------------------------------------------------------------
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form && "guard" in form.dataset) form.dataset.changed = "";
});
addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-guard][data-changed]")) event.preventDefault();
});

prepare(document);
document.addEventListener("htmx:load", (event) => {
  prepare(event.target);
  // What somebody typed while the scripts were still on their way is asked about too.
  for (const field of event.target.querySelectorAll("input[hx-trigger~='early']")) {
    if (field.value !== field.defaultValue) field.dispatchEvent(new Event("early"));
  }
});
