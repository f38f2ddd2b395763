// Menus are <details class="menu">: one open at a time, closed by Escape, a choice or a click elsewhere;
// arrow keys walk through the entries.

// Of a console's tabs, those that the window has no room for stand in a menu at the end of their row; on a phone, where
// the row is drawn along by the thumb, all stay in it.
const row = document.querySelector(".console-nav"), more = row?.querySelector(".console-more");
const tabs = more ? [...row.querySelectorAll(":scope > a")] : [];
const isWide = matchMedia("(width >= 48rem)");

function fit() {
  for (const tab of tabs) tab.className = "tab";
  more.before(...tabs);
  more.open = false;
  more.hidden = true;
  const leave = tabs.filter((tab) => !tab.hasAttribute("aria-current"));
  while (isWide.matches && leave.length && row.scrollWidth > row.clientWidth) {
    const last = leave.pop();
    last.className = "menu-item";
    more.querySelector(".menu-items").prepend(last);
    more.hidden = false;
  }
}

if (more) {
  fit();
  addEventListener("resize", fit);
}

// On a phone the tabs don't all fit: those that we are in are brought into view.
for (const tab of document.querySelectorAll(":is(.console-nav, .rail-menu, .tabs) [aria-current]"))
  tab.scrollIntoView({ block: "nearest", inline: "center" });

const open = () => document.querySelectorAll("details.menu[open]");

function close(menu, refocus) {
  menu.open = false;
  if (refocus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of open()) {
    const inside = menu.contains(event.target);
    if (!inside || event.target.closest("a.menu-item, button.menu-item")) close(menu, false);
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) close(menu, false);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    event.preventDefault();
    close(menu, true);
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll(".menu-item")];
  const here = items.indexOf(document.activeElement);
  const next = event.key === "ArrowDown" ? here + 1 : here - 1;
  items.at(next >= items.length ? 0 : here < 0 && event.key === "ArrowUp" ? -1 : next)?.focus();
});
