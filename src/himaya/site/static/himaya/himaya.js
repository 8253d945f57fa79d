// Comfort only: every page works without this file. No dependency, nothing sent; one thing is stored, and only on
// this device: that somebody has switched the single keys off (WCAG 2.1.4).
"use strict";
(() => {
  const off = () => localStorage.getItem("keys") === "off";
  const FIELDS = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
  const typing = (element) => element.closest(FIELDS) !== null;
  // The letter on the key as a Latin keyboard has it: under an Arabic or Cyrillic layout j is still where j is.
  const letter = (event) => {
    if (event.key.length > 1 || /^[ -~]$/.test(event.key)) return event.key;
    if (event.code === "Slash") return event.shiftKey ? "?" : "/";
    return event.code.replace(/^(Key|Digit)/, "").toLowerCase();
  };
  const handle = (row) => row.querySelector("[data-open]") || row.querySelector("a[href]");

  // Rows: j and k move, Enter opens (the link has the focus), c claims, / searches, ? shows the keys.
  const move = (table, step) => {
    const rows = [...table.querySelectorAll("tbody tr")].filter(handle);
    const here = rows.findIndex((row) => row.contains(document.activeElement));
    const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step;
    if (rows[next]) handle(rows[next]).focus();
  };
  const claim = () => document.activeElement.closest("tr, [data-claims]")?.querySelector("[data-claim]")?.click();
  const help = () => {
    const dialog = document.getElementById("keys");
    if (dialog && !dialog.open) dialog.showModal();
  };
  const press = (element) => {
    element.focus();
    if (!element.matches("select, textarea, input:not([type=radio], [type=checkbox])")) element.click();
  };
  // In a text that is written, Ctrl or Cmd with Enter sends its form: the hand stays where it is.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("textarea")) return;
    event.preventDefault();
    event.target.form?.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || off()) return;
    if (document.querySelector("dialog[open]")) return;
    const table = document.querySelector("[data-rows]");
    const search = document.querySelector("[data-search]");
    const acts = { "?": help };
    if (search) acts["/"] = () => search.focus();
    if (table) Object.assign(acts, { j: () => move(table, 1), k: () => move(table, -1), c: claim });
    const key = letter(event);
    // A page may give a key to any button or link of its own: data-key="y".
    const own = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const act = own ? () => press(own) : acts[key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  for (const button of document.querySelectorAll("[data-opens]")) {
    button.hidden = false;
    button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
  }
  for (const box of document.querySelectorAll("[data-keys-on]")) {
    box.checked = !off();
    box.addEventListener("change", () => localStorage.setItem("keys", box.checked ? "on" : "off"));
  }

  // Copy: the button is hidden until it can do something.
  const said = document.getElementById("said");
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        const use = button.querySelector("use");
        const before = use.getAttribute("href");
        use.setAttribute("href", "#i-check");
        if (said) said.textContent = button.dataset.copied || "";
        setTimeout(() => use.setAttribute("href", before), 1500);
      });
    }
  }

  // A table drawn as a stack of cards keeps its meaning for a screen reader.
  const roles = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", td: "cell" };
  for (const table of document.querySelectorAll("table.rows:not(.rows-plain)")) {
    for (const [name, role] of Object.entries(roles)) {
      for (const element of [table, ...table.querySelectorAll(name)].filter((each) => each.matches(name))) {
        element.setAttribute("role", role);
      }
    }
    for (const header of table.querySelectorAll("th")) {
      header.setAttribute("role", header.closest("thead") ? "columnheader" : "rowheader");
    }
  }

  // Buttons that need this file are hidden until it runs.
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // A security key that did not answer: say so in words instead of in the console.
  document.addEventListener("allauth.error", (event) => {
    const message = document.querySelector("[data-key-failed]");
    if (!message) return;
    event.preventDefault();
    message.hidden = false;
  });
})();
