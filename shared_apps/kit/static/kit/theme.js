// Runs before the page is painted: a choice of light or dark made on this device wins over the system's.
// The choice is the only thing kept, in localStorage; no cookie, nothing sent.
(() => {
  const chosen = () => { try { return localStorage.getItem("theme") || ""; } catch { return ""; } };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  const mark = () => {
    for (const group of document.querySelectorAll("[data-themes]")) {
      group.hidden = false;
      for (const button of group.querySelectorAll("[data-theme-choice]")) {
        button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen()));
      }
    }
  };
  apply(chosen());
  document.addEventListener("DOMContentLoaded", mark);
  addEventListener("storage", () => { apply(chosen()); mark(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    try { if (theme) localStorage.setItem("theme", theme); else localStorage.removeItem("theme"); } catch { /* kept for this page */ }
    apply(theme);
    mark();
  });
})();
