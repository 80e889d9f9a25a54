// Conveniences only: every page works without this file.
"use strict";

const MAX_WAIT = 30; // seconds between two requests while the site cannot be reached
const TIMEOUT = 15000; // milliseconds for one request

// A hidden line that screen readers read out when it changes.
function say(text) {
  const line = document.getElementById("said");
  if (line) line.textContent = text;
}

// Copy buttons are shown only where the browser can copy.
function armCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button.copy")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = button.dataset.copyText && document.getElementById(button.dataset.copyText);
      const rows = source ? Array.from(source.children, (row) => Array.from(row.children, (part) => part.textContent.trim()).join(": ")) : [];
      try {
        await navigator.clipboard.writeText(source ? rows.join("\n") : button.dataset.copy);
        button.textContent = "Copied";
        say("Copied.");
      } catch {
        button.textContent = "Copy manually";
        say("Copying failed. Copy the text manually.");
      }
      setTimeout(() => { button.textContent = label; say(""); }, 2000);
    });
  }
}

// The rules of the name, checked while typing; the server checks them again.
function armNameRules() {
  const input = document.querySelector("input[data-name]");
  const list = document.getElementById("rules");
  if (!input || !list) return;
  const { min, max, forbidden, reserved } = list.dataset;
  let pause;
  const check = () => {
    const name = input.value.trim();
    const length = Array.from(name).length;
    const kept = [
      length >= Number(min) && length <= Number(max),
      !Array.from(name).some((character) => forbidden.includes(character)),
      name.toLowerCase() !== reserved,
    ];
    Array.from(list.children).forEach((line, index) => {
      line.className = kept[index] ? "" : "broken";
      line.querySelector(".verdict").textContent = kept[index] ? "OK:" : "Not OK:";
    });
    input.setAttribute("aria-invalid", String(kept.includes(false)));
    // Announced after a pause: an announcement for each letter would hide the letters.
    clearTimeout(pause);
    pause = setTimeout(() => {
      const broken = Array.from(list.querySelectorAll(".broken"), (line) => line.textContent.trim());
      say(broken.length ? broken.join(". ") : "The name follows every rule.");
    }, 1000);
  };
  input.addEventListener("input", check);
}

// The progress page: refresh without losing the reader's place, and keep trying when the network fails.
function armRefresh() {
  const seconds = () => Number(document.getElementById("live")?.dataset.refresh || 0);
  let failures = 0;
  const again = () => {
    const wait = Math.max(seconds(), Math.min(seconds() * 2 ** failures, MAX_WAIT));
    if (wait) setTimeout(look, wait * 1000);
  };
  const look = async () => {
    try {
      const signal = AbortSignal.timeout?.(TIMEOUT);
      const answer = await fetch(location.pathname, { credentials: "same-origin", cache: "no-store", signal });
      if (answer.status >= 500) throw new Error("The site is having problems.");
      if (answer.redirected) { location.assign(answer.url); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!fresh.getElementById("live")) { location.reload(); return; } // an error page says what to do
      showReachable(true);
      show(fresh);
      failures = 0;
    } catch {
      failures += 1;
      showReachable(false);
    }
    again();
  };
  again();
}

function showReachable(reachable) {
  const notice = document.getElementById("unreachable");
  if (!notice || notice.hidden === reachable) return;
  notice.hidden = reachable;
  say(reachable ? "The site can be reached again." : notice.textContent.trim());
}

function show(fresh) {
  const here = document.getElementById("live");
  const found = fresh.getElementById("live");
  const heading = found.querySelector("h1");
  document.title = fresh.title;
  if (found.dataset.refresh === here.dataset.refresh && heading.textContent === here.querySelector("h1").textContent) {
    updateSteps(here, found);
    return;
  }
  const focused = here.contains(document.activeElement);
  here.replaceWith(document.adoptNode(found));
  armCopyButtons(found);
  if (focused) { // the focused element is gone: continue at the heading, not at the start of the document
    heading.tabIndex = -1;
    heading.focus();
  }
  say(`${heading.textContent}. ${found.querySelector(".lead")?.textContent.trim() ?? ""}`);
}

// Only changed lines are replaced and announced.
function updateSteps(here, found) {
  const fresh = found.querySelectorAll(".steps > li");
  const said = [];
  here.querySelectorAll(".steps > li").forEach((line, index) => {
    if (!fresh[index] || line.outerHTML === fresh[index].outerHTML) return;
    line.replaceWith(document.adoptNode(fresh[index]));
    said.push(Array.from(fresh[index].querySelectorAll(".title, .word"), (part) => part.textContent).join(": "));
  });
  if (said.length) say(said.join(". "));
}

// A form that sends itself after a time, once.
function armSubmit() {
  const form = document.querySelector("form[data-submit-after]");
  if (form) setTimeout(() => form.requestSubmit(), Number(form.dataset.submitAfter) * 1000);
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
// On paper every detail is open. Browsers without ::details-content need this; the others lose nothing by it.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("main details:not([open])")) {
    details.open = true;
    details.dataset.opened = "";
  }
});
window.addEventListener("afterprint", () => {
  for (const details of document.querySelectorAll("details[data-opened]")) {
    details.open = false;
    delete details.dataset.opened;
  }
});
armCopyButtons(document);
armNameRules();
armRefresh();
armSubmit();
document.querySelector(".errors")?.focus();
