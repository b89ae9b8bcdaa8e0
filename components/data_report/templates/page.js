"use strict";
// The filter of the quarantine gallery. Everything else on the page works without a script.
(() => {
  const form = document.getElementById("quarantine-filter");
  if (!form) return;
  const words = form.elements.words;
  const reason = form.elements.reason;
  const told = document.getElementById("quarantine-shown");
  const groups = [...document.querySelectorAll(".group")].map((group) => ({
    group,
    cards: [...group.querySelectorAll("figure")].map((card) => ({ card, text: card.textContent.toLowerCase() })),
  }));
  const all = groups.reduce((sum, { cards }) => sum + cards.length, 0);
  const apply = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { group, cards } of groups) {
      const right = !reason.value || group.dataset.reason === reason.value;
      let left = 0;
      for (const { card, text } of cards) {
        card.hidden = !(right && asked.every((word) => text.includes(word)));
        left += card.hidden ? 0 : 1;
      }
      group.hidden = !left && Boolean(asked.length || reason.value);
      shown += left;
    }
    told.textContent = `${shown} of ${all} pictures`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
