// The staff's pages work without this file; it copies, updates steps, and checks while one types.
(function () {
  "use strict";

  const POLL_MS = 2000;
  const TRY_AGAIN_MS = 10000;

  function icon(name) {
    const element = document.createElement("span");
    element.className = "material-symbols-outlined";
    element.setAttribute("aria-hidden", "true");
    element.textContent = name;
    return element;
  }

  // Copy buttons -------------------------------------------------------------------------------------------------
  function copyOf(button) {
    const derived = button.closest("[data-derived]");
    return derived ? derived.querySelector("code").textContent : button.dataset.copy;
  }

  function say(button, name, word) {
    const before = Array.from(button.childNodes);
    button.replaceChildren(icon(name), document.createTextNode(" " + word));
    window.setTimeout(() => button.replaceChildren(...before), 1600);
  }

  function selectText(button) {
    const code = button.parentElement.querySelector("code");
    if (code) window.getSelection().selectAllChildren(code);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button || button.disabled) return;
    const fallback = () => { selectText(button); say(button, "select_all", "Selected"); };
    if (!navigator.clipboard) { fallback(); return; }
    navigator.clipboard.writeText(copyOf(button)).then(() => say(button, "check", "Copied"), fallback);
  });

  // Live steps ---------------------------------------------------------------------------------------------------
  function follow(region) {
    const status = region.parentElement.querySelector("[data-live-status]");
    const tell = (text) => { if (status && status.textContent !== text) status.textContent = text; };
    const progress = region.parentElement.querySelector("[data-live-progress]");
    const isLive = () => region.querySelector("[data-steps]")?.dataset.isLive === "true";
    const stateOf = () => region.querySelector("[data-steps]")?.dataset.state;
    let last = "", shown = stateOf(), isFormOld = false;

    async function bringUpToDate() {
      const form = await refreshRest();
      isFormOld = Boolean(form) && !mayReplace(form, region);
      if (isFormOld) offerReload(status);
      else if (form) window.location.reload();
    }

    async function look() {
      if (document.hidden) { window.setTimeout(look, POLL_MS); return; }
      let answer;
      try {
        answer = await fetch(region.dataset.address, { credentials: "same-origin", redirect: "error" });
        if (answer.status >= 500) throw new Error("The portal is having problems.");
      } catch {
        tell("The list cannot be updated at the moment. Retrying.");
        window.setTimeout(look, TRY_AGAIN_MS);
        return;
      }
      if (!answer.ok) { tell("The list is no longer updated. Reload the page."); return; }
      const text = await answer.text();
      const focused = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      if (text !== last) {
        last = text;
        region.innerHTML = text;
        if (focused) region.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
        if (progress) progress.textContent = region.querySelector("[data-steps]").dataset.progress;
      }
      if (isLive()) window.setTimeout(look, POLL_MS);
      if (isLive() && stateOf() === shown) return;
      shown = stateOf();
      try {
        await bringUpToDate();
        if (!isLive() && !isFormOld) tell("");
      } catch {
        tell("Reload the page to see what changed.");
      }
    }

    if (isLive()) window.setTimeout(look, POLL_MS);
  }

  // Prioritise an operation of a bulk job while its page is open ------------------------------------------------------------
  async function putFirst(form) {
    let answer;
    try {
      const headers = { "X-Asked-By-Script": "1" };
      answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers, redirect: "error" });
    } catch {
      return; // the button stays
    }
    if (!answer.ok) return;
    const words = document.createElement("p");
    words.className = "quiet put-first"; // at the form's place, as far from the buttons above
    words.setAttribute("role", "status");
    words.textContent = "Prioritised, because you opened this page.";
    form.replaceWith(words);
  }

  function putFirstOnceSeen(form) {
    if (!document.hidden) { putFirst(form); return; }
    document.addEventListener("visibilitychange", () => putFirstOnceSeen(form), { once: true });
  }

  // Refresh the rest of the page, but no field that somebody may be editing. The form, if it has other fields now.
  async function refreshRest() {
    const answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) throw new Error("The page could not be loaded.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelectorAll("[data-refresh]").forEach((place) => {
      const now = page.querySelector(`[data-refresh="${place.dataset.refresh}"]`);
      if (now) place.replaceChildren(...now.childNodes);
    });
    const [ours, theirs] = [document, page].map((each) => each.querySelector('#content-main form[id$="_form"]'));
    return ours && namesOf(ours) !== namesOf(theirs) ? ours : null;
  }

  function fieldsOf(form) {
    return form ? Array.from(form.querySelectorAll(":is(input, select, textarea)[name]:not([type=hidden])")) : [];
  }

  function namesOf(form) {
    return fieldsOf(form).map((field) => field.name).join();
  }

  // Whether nothing is lost if the page is loaded again: nobody typed, sent or is about to type anything.
  function mayReplace(form, region) {
    const isChanged = (field) => {
      if (!field.options) return field.checked !== field.defaultChecked || field.value !== field.defaultValue;
      const chosen = Array.from(field.options).findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(0, chosen);
    };
    return !("wasSent" in region.dataset) && !form.contains(document.activeElement) && !fieldsOf(form).some(isChanged);
  }

  function offerReload(status) {
    const link = document.createElement("a");
    link.className = "text-link";
    link.href = window.location.pathname + window.location.search;
    link.textContent = "Reload the page";
    const before = "The state has changed, and with it what can be edited below. ";
    status?.replaceChildren(before, link, ". What you entered and did not save is lost then.");
  }

  // Host and URLs while one types --------------------------------------------------------------------------------
  function derive(provider) {
    const rules = JSON.parse(provider.dataset.derivation);
    const appName = document.getElementById("id_app_name");
    const show = (key, value) => {
      document.querySelectorAll(`[data-derived="${key}"]`).forEach((place) => {
        place.querySelector("code").textContent = value || "–";
        place.querySelector("button").disabled = !value;
      });
    };
    const update = () => {
      const domain = rules.domains[provider.value];
      const name = appName.value.trim().toLowerCase();
      const isLabel = new RegExp(`^(?:${rules.label})$`).test(name);
      const host = domain && isLabel ? `${name}.${domain}` : "";
      const local = host.endsWith(".localhost");
      const origin = host && (local ? `http://${host}:${rules.localhost_port}` : `https://${host}`);
      show("host", host);
      show("redirect", origin && origin + rules.redirect);
      show("portal", origin && origin + rules.portal);
    };
    if (!appName) return;
    provider.addEventListener("change", update);
    appName.addEventListener("input", update);
    update();
  }

  // The short name's rules while one types -----------------------------------------------------------------------
  const TESTS = {
    min: (rule, name) => name.length >= rule.min && name.length <= rule.max,
    without: (rule, name) => name !== "" && !Array.from(rule.without).some((letter) => name.includes(letter)),
    reserved: (rule, name) => name !== "" && name.toLowerCase() !== rule.reserved,
    pattern: (rule, name) => new RegExp(`^(?:${rule.pattern})$`, "i").test(name), // the server matches the whole name
  };

  function checkName(input) {
    const rules = JSON.parse(input.dataset.nameRules);
    const list = document.createElement("ul");
    list.className = "name-rules";
    list.setAttribute("aria-live", "polite");
    const lines = rules.map((rule) => {
      const line = document.createElement("li");
      list.append(line);
      return { rule, line, test: TESTS[Object.keys(TESTS).find((key) => key in rule)] };
    });
    const update = () => lines.forEach(({ rule, line, test }) => {
      const kept = test(rule, input.value.trim()); // as the server does
      if (line.dataset.kept === String(kept) && input.value) return;
      line.dataset.kept = input.value ? String(kept) : "";
      line.replaceChildren(icon(!input.value ? "radio_button_unchecked" : kept ? "check_circle" : "error"),
        document.createTextNode(rule.sentence));
    });
    input.after(list);
    input.addEventListener("input", update);
    update();
  }

  // The customer's tenant with the service, and what stands against inviting for it ---------------------------------
  function followService(service) {
    const { tenants, instances, warnings } = JSON.parse(service.dataset.ofServices);
    const field = document.getElementById("id_tenant_id");
    const warning = document.querySelector("[data-service-warning]");
    service.addEventListener("change", () => {
      if (field) field.value = tenants[service.value] || "";
      if (warning) warning.textContent = warnings[instances[service.value]] || "";
    });
  }

  // Unfold's search boxes carry the chosen value as their name: add the field's label.
  function nameSearchBoxes() {
    document.querySelectorAll(".select2-selection[aria-labelledby]").forEach((box) => {
      const select = box.closest(".select2")?.previousElementSibling;
      const label = select?.labels?.[0];
      if (!label) return;
      label.id = label.id || `label-of-${select.id}`;
      box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby")}`);
      const value = box.querySelector("[role=textbox]");
      ["role", "aria-readonly"].forEach((name) => value?.removeAttribute(name));
    });
  }

  // The boxes are made in a task of their own after the page has loaded.
  window.addEventListener("load", () => window.setTimeout(nameSearchBoxes, 0));
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-live-steps]").forEach(follow);
    document.querySelectorAll("form[data-put-first]").forEach(putFirstOnceSeen);
    document.querySelectorAll("select[data-derivation]").forEach(derive);
    document.querySelectorAll("input[data-name-rules]").forEach(checkName);
    document.querySelectorAll("select[data-of-services]").forEach(followService);
  });
})();
