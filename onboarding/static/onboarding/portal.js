// Comforts only: every page works without this file.
"use strict";

// Copy buttons show up only where they can work.
function armCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = button.dataset.copyText && document.getElementById(button.dataset.copyText);
      const rows = source ? Array.from(source.children, (row) => Array.from(row.children, (part) => part.textContent.trim()).join(": ")) : [];
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(source ? rows.join("\n") : button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it by hand";
      }
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
}

// The rules of the name, checked while typing; the server checks them again.
function armNameRules() {
  const input = document.querySelector("input[data-name]");
  const list = document.getElementById("rules");
  if (!input || !list) return;
  const { min, max, forbidden, reserved } = list.dataset;
  const check = () => {
    const name = input.value.trim();
    const length = Array.from(name).length;
    const kept = [
      length >= Number(min) && length <= Number(max),
      name !== "" && !Array.from(name).some((character) => forbidden.includes(character)),
      name !== "" && name.toLowerCase() !== reserved,
    ];
    Array.from(list.children).forEach((line, index) => {
      line.className = kept[index] ? "" : "broken";
      line.querySelector(".verdict").textContent = kept[index] ? "Kept:" : "Not kept:";
    });
    input.setAttribute("aria-invalid", String(kept.includes(false)));
  };
  input.addEventListener("input", check);
}

// The progress page: look again without losing the reader's place.
function armRefresh() {
  const live = document.getElementById("live");
  if (!live || !live.dataset.refresh) return;
  const again = () => setTimeout(look, Number(document.getElementById("live").dataset.refresh) * 1000);
  const look = async () => {
    let answer;
    try {
      answer = await fetch(location.pathname, { credentials: "same-origin", cache: "no-store" });
    } catch {
      again();
      return;
    }
    if (answer.redirected) { location.assign(answer.url); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = fresh.getElementById("live");
    if (!found) { location.reload(); return; }
    const here = document.getElementById("live");
    if (found.dataset.refresh !== here.dataset.refresh || found.querySelector("h1").textContent !== here.querySelector("h1").textContent) {
      here.replaceWith(document.adoptNode(found));
      armCopyButtons(found);
    } else {
      updateSteps(here, found);
    }
    document.title = fresh.title;
    if (document.getElementById("live").dataset.refresh) again();
  };
  again();
}

// Only lines that changed are replaced, so that a screen reader says those alone.
function updateSteps(here, found) {
  const fresh = found.querySelectorAll(".steps > li");
  here.querySelectorAll(".steps > li").forEach((line, index) => {
    if (fresh[index] && line.outerHTML !== fresh[index].outerHTML) line.replaceWith(document.adoptNode(fresh[index]));
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
armCopyButtons(document);
armNameRules();
armRefresh();
