// Passkeys: [data-passkey] holds the server's question in data-options. "get" stands in a form with a field `code`,
// "create" is a form with a hidden `credential`. The answer is put there and the form is sent as any other.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function question(place) {
  const options = JSON.parse(place.dataset.options);
  options.challenge = bytes(options.challenge);
  if (options.user) options.user.id = bytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials])
    for (const known of list ?? []) known.id = bytes(known.id);
  return options;
}

function answer(credential) {
  const said = credential.response;
  const response = { clientDataJSON: text(said.clientDataJSON) };
  if (said.attestationObject) {
    response.attestationObject = text(said.attestationObject);
    response.transports = said.getTransports?.() ?? [];
  } else {
    response.authenticatorData = text(said.authenticatorData);
    response.signature = text(said.signature);
    if (said.userHandle) response.userHandle = text(said.userHandle);
  }
  return JSON.stringify({
    id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

function say(place, words) {
  const line = place.querySelector("[data-passkey-said]");
  line.textContent = words;
  line.hidden = !words;
}

async function ask(place, call) {
  say(place, "");
  try {
    return answer(await call({ publicKey: question(place) }));
  } catch {
    say(place, place.dataset.failed);
    return "";
  }
}

function prepare(place) {
  if (!window.PublicKeyCredential) return place.dataset.without && say(place, place.dataset.without);
  if (place.dataset.passkey === "create") return place.addEventListener("submit", create, true);
  const button = place.querySelector("[data-passkey-ask]");
  if (!place.dataset.options) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = place.querySelector("[name=code]");
    field.value = await ask(place, (options) => navigator.credentials.get(options));
    if (field.value) field.form.requestSubmit();
  });
}

async function create(event) {
  const form = event.currentTarget;
  const field = form.elements.credential;
  if (field.value || !form.elements.name.value.trim()) return;
  event.preventDefault();
  field.value = await ask(form, (options) => navigator.credentials.create(options));
  if (field.value) form.requestSubmit();
}

document.querySelectorAll("[data-passkey]").forEach(prepare);
