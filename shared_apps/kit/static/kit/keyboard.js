// Keys: / searches, ? shows the shortcuts, j and k walk through a list's lines (Enter follows the link that has the
// focus, x selects), Ctrl-K opens the palette. Single keys can be switched off in the list of shortcuts until the
// tab is closed, so that speech input does not press them by mistake.
const palette = document.getElementById("palette");
const shortcuts = document.getElementById("shortcuts");
const SWITCH = "single-keys";

const isOn = () => { try { return sessionStorage.getItem(SWITCH) !== "off"; } catch { return true; } };
const isTyping = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

for (const box of document.querySelectorAll("[data-single-keys]")) {
  box.checked = isOn();
  box.addEventListener("change", () => {
    try { if (box.checked) sessionStorage.removeItem(SWITCH); else sessionStorage.setItem(SWITCH, "off"); } catch { box.checked = true; }
  });
}

function open(dialog) {
  if (dialog && !dialog.open && !document.querySelector("dialog[open]")) dialog.showModal();
}

function search() {
  const input = document.querySelector("[data-search]");
  if (!input) return open(palette);
  input.focus();
  input.select();
}

function walk(step) {
  const links = [...document.querySelectorAll(".row-link")].filter((link) => link.checkVisibility?.() ?? true);
  if (!links.length) return;
  const row = document.activeElement.closest("tr, li, .card");
  const here = links.findIndex((link) => link === document.activeElement || row?.contains(link));
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + step));
  links[next].focus();
  links[next].scrollIntoView({ block: "nearest" });
}

function press(key) {
  switch (key) {
    case "/": return search();
    case "?": return open(shortcuts);
    case "j": return walk(1);
    case "k": return walk(-1);
    case "x": return document.activeElement.closest("tr")?.querySelector(".select")?.click();
  }
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    if (!palette) return;
    event.preventDefault();
    if (palette.open) palette.close(); else open(palette);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!"/?jkx".includes(event.key) || event.key.length !== 1 || !isOn()) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  press(event.key);
});

// --- the palette --------------------------------------------------------------------------------------------------
const fold = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();

if (palette) {
  const input = palette.querySelector("input");
  const options = [...palette.querySelectorAll("[role=option]")];
  const found = palette.querySelector("[data-palette-search]");
  const visible = () => options.filter((option) => !option.hidden);

  const choose = (option) => {
    for (const other of options) other.setAttribute("aria-selected", String(other === option));
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };

  const filter = () => {
    const wanted = input.value.trim();
    for (const option of options) if (option !== found) option.hidden = !fold(option.textContent).includes(fold(wanted));
    if (found) {
      const address = new URL(palette.dataset.searchUrl, location.href);
      address.searchParams.set("q", wanted);
      found.href = address.href;
      found.hidden = !wanted;
      found.querySelector("[data-palette-words]").textContent = wanted;
    }
    palette.querySelector("[data-palette-none]").hidden = visible().length > 0;
    choose(visible()[0]);
  };

  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    const shown = visible();
    const here = shown.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (shown.length) choose(shown[(here + (event.key === "ArrowDown" ? 1 : -1) + shown.length) % shown.length]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      shown[here]?.click();
    }
  });
  palette.addEventListener("close", () => { input.value = ""; filter(); });
  filter();
}
