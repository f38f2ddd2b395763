// Toasts: those in the page, and those that an answer asks for by the header
// HX-Trigger: {"toast": {"text": "…", "kind": "positive", "undo": "/address"}}. They go by themselves unless
// they hold an undo or a failure, or the pointer or the focus is on them.
const region = document.getElementById("toasts");
const STAY = 8000;
const SETTLED = 100;

function leaveLater(toast) {
  if (toast.querySelector("form") || toast.classList.contains("toast-danger")) return;
  const wait = () => setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) wait();
    else toast.remove();
  }, STAY);
  wait();
}

function token() {
  try { return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || ""; } catch { return ""; }
}

function show({ text, kind = "positive", undo = "" }) {
  const template = document.getElementById(`toast-${kind}`) || document.getElementById("toast-accent");
  if (!region || !template) return;
  const toast = template.content.firstElementChild.cloneNode(true);
  const undoForm = toast.querySelector("[data-undo]");
  toast.querySelector("[data-toast-text]").textContent = text;
  if (undo.startsWith("/") && !undo.startsWith("//")) {
    undoForm.action = undo;
    undoForm.elements.csrfmiddlewaretoken.value = token();
  } else {
    undoForm.remove();
  }
  region.append(toast);
  leaveLater(toast);
}

if (region) {
  // A screen reader says what joins the region, not what came with the page: that is taken out and put in again.
  const came = [...region.querySelectorAll("[data-toast]")];
  came.forEach((toast) => toast.remove());
  if (came.length) setTimeout(() => {
    region.append(...came);
    came.forEach(leaveLater);
  }, SETTLED);
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove());
  document.addEventListener("toast", (event) => show(event.detail));
  document.addEventListener("htmx:sendError", () => show({ text: region.dataset.trouble, kind: "danger" }));
  document.addEventListener("htmx:responseError", (event) => {
    const refused = event.detail.xhr.status < 500;
    show({ text: refused ? region.dataset.refused : region.dataset.trouble, kind: "danger" });
  });
}
