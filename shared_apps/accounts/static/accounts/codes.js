// Recovery codes as a file or on paper, without asking the server again: it doesn't know them any more.
const shown = document.querySelector("[data-codes]");
const save = document.querySelector("[data-codes-save]");
const print = document.querySelector("[data-codes-print]");
save.hidden = print.hidden = false;
print.addEventListener("click", () => window.print());
save.addEventListener("click", () => {
  const address = URL.createObjectURL(new Blob([shown.textContent], { type: "text/plain" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: shown.dataset.codes });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
});
