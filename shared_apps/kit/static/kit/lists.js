// Lists: the box that selects every row, and how many are selected. The bar itself is shown by the stylesheet.
function count(list) {
  const boxes = [...list.querySelectorAll(".select:not([data-select-all])")];
  const chosen = boxes.filter((box) => box.checked).length;
  for (const all of list.querySelectorAll("[data-select-all]")) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  for (const place of list.querySelectorAll("[data-selected]")) place.textContent = String(chosen);
}

function choose(list, checked) {
  for (const box of list.querySelectorAll(".select:not([data-select-all])")) box.checked = checked;
  count(list);
}

let last = null;
document.addEventListener("click", (event) => {
  const list = event.target.closest(".selection");
  if (!list) return;
  if (event.target.matches("[data-select-all]")) choose(list, event.target.checked);
  else if (event.target.closest("[data-select-none]")) choose(list, false);
  else if (event.target.matches(".select")) {
    // Shift selects everything between the last box and this one.
    if (event.shiftKey && last && list.contains(last)) {
      const boxes = [...list.querySelectorAll(".select:not([data-select-all])")];
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(event.target)].sort((a, b) => a - b);
      for (const box of boxes.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = event.target;
    count(list);
  }
});

const prepare = (root) => root.querySelectorAll(".selection").forEach(count);
prepare(document);
addEventListener("pageshow", () => prepare(document));
document.addEventListener("htmx:load", (event) => {
  prepare(event.target);
  const list = event.target.closest(".selection");
  if (list) count(list);
});

// htmx gives the focus back to what has the same id in the answer. It cannot when a menu was closed by the choice, nor
// when that is gone: the next page's link on the last page, the chip of a filter. Then what stands in its place gets it.
const HEIRS = [["page-", ".pager-here"], ["chip-", ".chips :is(a, summary)"]];
document.addEventListener("htmx:afterSettle", (event) => {
  const chosen = event.detail.requestConfig?.elt?.id ?? "";
  const heir = HEIRS.find(([beginning]) => chosen.startsWith(beginning))?.[1];
  if (!heir) return;
  for (const place of [document.getElementById(chosen), document.querySelector(heir)])
    if (document.activeElement === document.body) place?.focus({ preventScroll: true });
});
