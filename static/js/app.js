// What scripts add to pages that work without them: theme without a page load, copying, busy marks, focus.
(() => {
  "use strict";

  const THEMES = { system: "dark", dark: "light", light: "system" };

  function switchTheme(button) {
    const chosen = button.value;
    document.cookie = `theme=${chosen}; Path=/; Max-Age=31536000; SameSite=Lax`;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.textContent = `Theme: ${chosen}`;
    button.value = THEMES[chosen];
  }

  async function copy(button) {
    const label = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  }

  function pickModel(button) {
    const search = document.getElementById("model");
    search.value = button.value;
    document.getElementById("model_options").replaceChildren();
    search.focus();
    search.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("themeSwitch" in button.dataset) { event.preventDefault(); switchTheme(button); }
    if (button.dataset.copy) copy(button);
    if ("print" in button.dataset) print();
    if (button.name === "pick" && window.htmx) { event.preventDefault(); pickModel(button); }
  });

  // The header stands at the start of a model file: the weights behind it stay here.
  function keepTheStart(input) {
    const most = Number(input.dataset.firstBytes);
    const file = input.files[0];
    if (!file || file.size <= most) return;
    const start = new DataTransfer();
    start.items.add(new File([file.slice(0, most)], file.name));
    input.files = start.files;
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-first-bytes]")) keepTheStart(event.target);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.id === "model") document.getElementById("model_options").replaceChildren();
  });

  function busy(event, state) {
    if (event.detail.target?.id === "answer") event.detail.target.setAttribute("aria-busy", String(state));
  }
  document.addEventListener("htmx:beforeRequest", (event) => busy(event, true));
  document.addEventListener("htmx:afterRequest", (event) => busy(event, false));

  function say(text) {
    const region = document.getElementById("live");
    if (region) region.textContent = text;
  }
  document.addEventListener("htmx:responseError", () => say("The answer could not be updated. Press “Find machines” to try again."));
  document.addEventListener("htmx:sendError", () => say("The site cannot be reached. What you typed is still here."));

  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  for (const button of document.querySelectorAll("[data-print]")) button.hidden = false;

  // On a narrow screen the answer comes first once a job has been described.
  const job = document.querySelector("details.job");
  if (job && location.search && matchMedia("(max-width: 63.99rem)").matches && !job.querySelector(".error")) job.open = false;

  document.querySelector(".summary-of-errors")?.focus();
})();
