// Dialogs: <button data-dialog="id"> opens <dialog id>, [data-close] closes it. A field with data-must-equal
// keeps the form's button shut until the same words are typed.
const words = (text) => text.normalize("NFC").trim().replace(/\s+/g, " ");

function lock(form) {
  const unequal = [...form.querySelectorAll("[data-must-equal]")].some((input) => words(input.value) !== words(input.dataset.mustEqual));
  for (const button of form.querySelectorAll("button:not([type=button])")) button.disabled = unequal;
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (!dialog?.showModal) return;
    event.preventDefault();
    opener.closest("details.menu")?.removeAttribute("open");
    if (!dialog.open) dialog.showModal();
    dialog.querySelectorAll("form").forEach(lock);
    return;
  }
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog")?.close();
  // A click on the backdrop has the dialog itself as its target, outside its box.
  if (event.target instanceof HTMLDialogElement) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && !event.target.querySelector("form[method=post]")) event.target.close();
  }
});

document.addEventListener("close", (event) => {
  event.target.querySelectorAll?.("form").forEach((form) => form.reset());
}, true);

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-must-equal]")) lock(event.target.form);
});

// A form outside a dialog may ask for a name too.
const lockAll = (root) => root.querySelectorAll("form:has([data-must-equal])").forEach(lock);
lockAll(document);
document.addEventListener("htmx:load", (event) => lockAll(event.target));
